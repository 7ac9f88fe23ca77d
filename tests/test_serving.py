"""The model registry and the served model, through a real local store and a real `mlflow models serve`.

MLflow and what it imports warn in many ways, so each use of it here is a process of its own, as in the pipeline.
"""

import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from doc_commands import typed
from ports import free_port

from t2s.checkpoint import load_checkpoint, save_checkpoint
from t2s.sealed import canonical_json

PORT = "5001"  # what the howto serves at
TRACKED = """
import logging, sys
from pathlib import Path
from t2s.serving import register, resolve_model_uri
from t2s.tracking.tracker import open_tracker
logging.basicConfig(level=logging.WARNING, format="%(message)s")
tracker = open_tracker(Path.cwd(), "t2s", Path("runs/abc/tracking.jsonl").resolve())
tracker.finish()
"""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, make_checkpoint: Callable[..., Path]) -> Path:
    """A tiny untrained model that knows two signs, of fewer timesteps than the steps that others get by default."""
    return make_checkpoint(tmp_path_factory.mktemp("model") / "t2s.safetensors", diffusion={"num_timesteps": 10})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """A project whose registry holds version 1 (gate passed: the champion) and version 2 (not passed)."""
    folder = tmp_path_factory.mktemp("project")
    worse = folder / "worse.safetensors"
    loaded = load_checkpoint(checkpoint)
    save_checkpoint(worse, loaded.tensors, loaded.metadata | {"step": 2})
    code = f"""
first = register(Path({str(checkpoint)!r}), tracker.run_id, gate_passed=True)
second = register(Path({str(worse)!r}), tracker.run_id, gate_passed=False)
again = register(Path({str(checkpoint)!r}), tracker.run_id, gate_passed=True)
print(first, second, again)
"""
    done = in_project(folder, code)
    assert done.stdout.splitlines()[-1] == "1 2 1", done.stderr
    return folder


def environment(**changes: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "DVC_"))}
    return kept | {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"} | changes


def in_project(folder: Path, code: str, setup: str = TRACKED, **changes: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", setup + code]
    return subprocess.run(command, cwd=folder, env=environment(**changes), capture_output=True, text=True)


@pytest.mark.slow
def test_the_champion_is_the_last_version_that_passed_the_gate(project: Path, checkpoint: Path) -> None:
    code = """
from t2s.serving import resolve_model_uri
for uri in ("models:/t2s@champion", "models:/t2s/2"):
    print(resolve_model_uri(uri))
"""
    champion, second = map(Path, in_project(project, code, setup="").stdout.splitlines()[-2:])
    assert champion.read_bytes() == checkpoint.read_bytes()
    assert load_checkpoint(second).metadata["step"] == 2


@pytest.mark.slow
def test_the_command_line_samples_from_the_champion(project: Path) -> None:
    command = [sys.executable, "-c", "from t2s.cli import run; run()", "sample", "--model", "models:/t2s@champion"]
    command += ["hello", "--steps", "2", "--output-dir", "from-registry"]
    done = subprocess.run(command, cwd=project, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made = project / "from-registry" / "hello-seed0.mp4"
    assert done.stdout.splitlines()[-1] == str(made.relative_to(project))
    assert made.read_bytes()[4:8] == b"ftyp"


@pytest.mark.slow
def test_a_damaged_store_costs_a_warning(tmp_path: Path, checkpoint: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 1000)
    code = f"""
import logging
from pathlib import Path
from t2s.serving import register
logging.basicConfig(level=logging.WARNING, format="%(message)s")
print(register(Path({str(checkpoint)!r}), "0" * 32, gate_passed=True))
"""
    done = in_project(tmp_path, code, setup="")
    assert done.stdout.split() == ["None"], done.stderr
    assert f"{checkpoint} is not registered: " in done.stderr


@pytest.mark.slow
def test_an_unknown_model_is_one_clear_line(project: Path) -> None:
    uris = ["models:/t2s@nobody", "models:/other/1", "t2s", "models:/"]
    code = f"""
from t2s.errors import UserError
from t2s.serving import resolve_model_uri
for uri in {uris}:
    try:
        resolve_model_uri(uri)
    except UserError as error:
        print("refused:", error)
"""
    done = in_project(project, code, setup="")
    assert done.returncode == 0, done.stderr
    refusals = [line for line in done.stdout.splitlines() if line.startswith("refused: ")]
    assert len(refusals) == len(uris)
    for uri, refusal in zip(uris, refusals, strict=True):
        assert refusal.startswith(f"refused: {uri}: ")


def test_outside_a_project_a_registered_model_is_refused_and_nothing_is_created(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from t2s.cli import run; run()", "sample", "hello"]
    command += ["--model", "models:/t2s@champion"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].startswith("error: models:/t2s@champion: there is no registry at sqlite:///")
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_registry_that_is_away_costs_a_warning(tmp_path: Path, checkpoint: Path) -> None:
    code = f"""
import logging
from pathlib import Path
from t2s.serving import register
logging.basicConfig(level=logging.WARNING, format="%(message)s")
print(register(Path({str(checkpoint)!r}), "0" * 32, gate_passed=True))
print(register(Path({str(checkpoint)!r}), None, gate_passed=True))
"""
    done = in_project(tmp_path, code, setup="", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert done.stdout.split() == ["None", "None"], done.stderr
    assert done.stderr.count("is not registered") == 2


@pytest.fixture(scope="module")
def served(project: Path) -> Iterator[str]:
    """`mlflow models serve` of the champion, as the howto shows it but for the port; its URL."""
    port = str(free_port())
    setting, *words = documented("mlflow models serve")
    command = [sys.executable, "-m", *(port if word == PORT else word for word in words)]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    changes = dict([setting.split("=", 1)], PATH=path)
    with (project / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=project, env=environment(**changes), stdout=log, stderr=log, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 240  # a busy machine takes its time to import MLflow
    while not is_up(url):
        assert process.poll() is None and time.monotonic() < deadline, (project / "serve.log").read_text()[-2000:]
        time.sleep(0.2)
    yield url
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def documented(start: str) -> list[str]:
    """The words of the howto's command that begins so, a setting before it aside."""
    shown = typed("docs/howto.md", "MLflow: runs and the model registry")
    return next(words for words in shown if start in " ".join(words))


def is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/ping", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def ask(url: str, rows: list[dict[str, object]]) -> tuple[int, Any]:
    """POST rows to the served model: HTTP status and decoded answer."""
    request = urllib.request.Request(
        f"{url}/invocations",
        json.dumps({"dataframe_records": rows}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


@pytest.mark.slow
def test_the_served_model_answers_prompts_with_clips(served: str) -> None:
    rows: list[dict[str, object]] = [
        {"text": "hello", "seed": 3, "num_steps": 2, "guidance_scale": 1.0},
        {"text": "thank you", "seed": 3, "num_steps": 2, "guidance_scale": 1.0},
    ]
    status, answer = ask(served, rows)
    assert status == 200, answer
    first, second = answer["predictions"]
    assert (first["text"], first["seed"], second["text"]) == ("hello", 3, "thank you")
    mp4 = base64.b64decode(first["mp4_base64"], validate=True)
    assert mp4[4:8] == b"ftyp"
    again = ask(served, rows[:1])[1]["predictions"]
    assert canonical_json(again) == canonical_json([first])


@pytest.mark.slow
def test_the_request_of_the_howto_is_answered(served: str) -> None:
    words = documented("curl")
    address = next(word for word in words if word.startswith("http")).replace(f"http://127.0.0.1:{PORT}", served)
    header, body = (words[words.index(option) + 1] for option in ("-H", "-d"))
    request = urllib.request.Request(address, body.encode(), dict([header.split(": ")]))
    with urllib.request.urlopen(request, timeout=60) as answer:
        (made,) = json.load(answer)["predictions"]
    assert {"text", "seed", "notes", "mp4_base64"} <= set(made)
    assert (made["text"], made["seed"]) == ("hello", 3)


@pytest.mark.slow
def test_one_row_may_give_what_another_leaves_out(served: str) -> None:
    rows: list[dict[str, object]] = [
        {"text": "hello", "num_steps": 2},
        {"text": "thank you", "seed": 3, "guidance_scale": 1, "sampler": "ddim", "num_steps": 3},
        {"text": "hello", "seed": None, "num_steps": 2},
        {"text": "thank you", "seed": 2**32 - 1, "guidance_scale": 1.5, "num_steps": 2},
    ]
    status, answer = ask(served, rows)
    assert status == 200, answer
    assert [row["seed"] for row in answer["predictions"]] == [0, 3, 0, 2**32 - 1]
    alone = [ask(served, [row])[1]["predictions"][0] for row in rows[:2]]
    assert canonical_json(answer["predictions"][:2]) == canonical_json(alone)


@pytest.mark.slow
def test_the_loaded_model_takes_what_pandas_makes_of_rows(project: Path) -> None:
    code = """
import mlflow, pandas
mlflow.set_tracking_uri("sqlite:///mlflow.db")
model = mlflow.pyfunc.load_model("models:/t2s@champion")
rows = [{"text": "hello", "num_steps": 2}, {"text": "thank you", "num_steps": 2, "seed": 3, "guidance_scale": 2}]
whole = pandas.DataFrame({"text": ["hello"], "seed": [4], "num_steps": [2], "guidance_scale": [1]})
print(*model.predict(pandas.DataFrame(rows))["seed"], *model.predict(whole)["seed"])
"""
    done = in_project(project, code, setup="")
    assert done.stdout.splitlines()[-1:] == ["0 3 4"], done.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"text": "   "}, "prompt is empty"),
        ({"text": "xylophone"}, "known signs: hello, thank you"),
        ({"text": "hello", "num_steps": 10_000}, "num_steps"),
        ({"text": "hello", "num_steps": 2.5}, "num_steps 2.5 is not a whole number"),
        ({"text": "hello", "seed": "3"}, "seed '3' is not a number"),
        ({"text": "hello", "seed": True}, "seed True is not a number"),
        ({"text": "hello", "guidance_scale": [1]}, "guidance_scale [1] is not a number"),
        ({"text": "hello", "sampler": "magic"}, "magic"),
        ({"seed": 1}, "text"),
    ],
)
def test_a_wrong_request_is_refused_with_its_reason(served: str, row: dict[str, object], reason: str) -> None:
    status, answer = ask(served, [row])
    assert status == 400
    assert reason in answer["message"]


@pytest.mark.slow
def test_a_row_without_text_beside_one_with_it_is_refused_too(served: str) -> None:
    status, answer = ask(served, [{"text": "hello"}, {"text": None}])
    assert status == 400
    assert "text" in answer["message"]


@pytest.mark.slow
def test_too_many_prompts_are_refused(served: str) -> None:
    status, answer = ask(served, [{"text": "hello"}] * 17)
    assert status == 400
    assert "at most 16" in answer["message"]
