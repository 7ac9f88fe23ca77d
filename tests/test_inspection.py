import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from t2s.checkpoint import save_checkpoint
from t2s.data.encode import write_gif, write_mp4, write_png
from t2s.errors import UserError
from t2s.inspection import describe
from t2s.tracking.environment import prepare_environment, tracking_uri

RUN_ID = "f00dfeedf00dfeedf00dfeedf00dfeed"
FACTS = {"prompt": "hello <b>", "seed": "3", "fingerprint": "abc", "licence": "CC0", "mlflow_run_id": RUN_ID}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


@pytest.mark.parametrize("suffix", ["mp4", "gif", "png"])
def test_a_clip_says_what_it_is_and_which_run_it_belongs_to(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip.{suffix}"
    frames = np.zeros((4, 32, 32, 3), np.uint8)
    if suffix == "png":
        write_png(path, frames[0], FACTS)
    else:
        {"mp4": write_mp4, "gif": write_gif}[suffix](path, frames, 8, FACTS)
    found = describe(path)
    assert (found["kind"], found["prompt"], found["seed"], found["fingerprint"]) == ("clip", "hello <b>", "3", "abc")
    assert found["mlflow"]["run_id"] == RUN_ID
    assert found["mlflow"]["command"] == f"mlflow ui --backend-store-uri sqlite:///{tmp_path}/mlflow.db"
    assert found["mlflow"]["link"].endswith(f"/#/runs/{RUN_ID}")


def test_looking_for_a_run_makes_no_store(tmp_path: Path) -> None:
    write_mp4(tmp_path / "a.mp4", np.zeros((4, 32, 32, 3), np.uint8), 8, FACTS)
    found = describe(tmp_path / "a.mp4")["mlflow"]
    assert (found["found"], found["reason"]) == (False, "the store is not on this machine")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize("fingerprint_alone", [False, True])
def test_a_look_into_a_store_warns_of_nothing(tmp_path: Path, fingerprint_alone: bool) -> None:
    """In processes of their own: MLflow's store makes SQLAlchemy warn once, at the first question."""
    named = {} if fingerprint_alone else {"mlflow_run_id": RUN_ID}
    facts = {key: value for key, value in FACTS.items() if key != "mlflow_run_id"} | named
    write_mp4(tmp_path / "a.mp4", np.zeros((4, 32, 32, 3), np.uint8), 8, facts)
    make = (
        "from pathlib import Path; from t2s.tracking.store import create_database; create_database(Path('mlflow.db'))"
    )
    look = (
        "import warnings, sqlalchemy.exc; from pathlib import Path; from t2s.inspection import describe; "
        "warnings.simplefilter('error', sqlalchemy.exc.SADeprecationWarning); "
        "print(describe(Path('a.mp4'))['mlflow']['reason'])"
    )
    for code in (make, look):
        told = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
        assert told.returncode == 0, told.stderr
    assert ("none there has its fingerprint" if fingerprint_alone else RUN_ID) in told.stdout


def test_a_checkpoint_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    metadata = {"fingerprint": "abc", "step": 7, "prompts": ["hello"], "tokenizer": "{}", "mlflow_run_id": None}
    save_checkpoint(path, {"w": torch.zeros(2, 3)}, metadata)
    found = describe(path)
    assert (found["kind"], found["step"], found["prompts"], found["tensors"]) == ("checkpoint", 7, ["hello"], 1)
    assert (found["mlflow"]["run_id"], found["mlflow"]["found"]) == (None, False)
    assert "tokenizer" not in found


def test_a_recogniser_says_what_it_is(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "r.safetensors", {"w": torch.zeros(2)}, {"data_digest": "d"}, kind="recogniser")
    found = describe(tmp_path / "r.safetensors")
    assert (found["kind"], found["data_digest"]) == ("recogniser", "d")


@pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow")  # its store asks SQLAlchemy for what it will drop
def test_the_run_is_found_by_name_and_where_a_file_names_none_by_fingerprint(tmp_path: Path) -> None:
    """A training may end before MLflow has heard of it: its weights name no run then."""
    prepare_environment()
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri(tmp_path))
    experiment = client.create_experiment("t2s", artifact_location=str(tmp_path / "artifacts"))
    run_id = client.create_run(experiment, tags={"t2s.fingerprint": "abc", "mlflow.runName": "mine"}).info.run_id
    client.create_run(experiment, tags={"t2s.fingerprint": "other"})
    for name, fingerprint, found in ((run_id, "gone", True), ("null", "abc", True), ("null", "a' OR 'a", False)):
        facts = FACTS | {"mlflow_run_id": name, "fingerprint": fingerprint}
        write_mp4(tmp_path / "a.mp4", np.zeros((4, 32, 32, 3), np.uint8), 8, facts)
        described = describe(tmp_path / "a.mp4")["mlflow"]
        assert described["found"] is found, described
        if found:
            assert (described["run_id"], described["name"]) == (run_id, "mine")
            assert described["link"].endswith(f"/#/runs/{run_id}")


def test_foreign_and_missing_files_are_named_in_one_line(tmp_path: Path) -> None:
    write_mp4(tmp_path / "foreign.mp4", np.zeros((4, 32, 32, 3), np.uint8), 8)
    shutil.copy(tmp_path / "foreign.mp4", tmp_path / "a.safetensors")
    for name, reason in (("foreign.mp4", "no metadata of t2s"), ("none.gif", "no such file"), ("a.safetensors", "")):
        with pytest.raises(UserError, match=name) as caught:
            describe(tmp_path / name)
        assert reason in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_server_gives_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9/")
    write_mp4(tmp_path / "a.mp4", np.zeros((4, 32, 32, 3), np.uint8), 8, FACTS)
    found = describe(tmp_path / "a.mp4")["mlflow"]
    assert found["link"] == f"http://127.0.0.1:9/#/runs/{RUN_ID}"
    assert found["found"] is False
