"""What README and the howto tell people to type, typed in a project whose pipeline has run."""

import json
import re
import shutil
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from doc_commands import typed
from ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def type_all(project: Any, page: str, heading: str, leave_out: tuple[str, ...] = (), **stands_for: str) -> list[str]:
    """Type every line under a heading but those that begin so; what each said."""
    said = []
    for words in typed(page, heading):
        if not " ".join(words).startswith(leave_out):
            settings = [word for word in words if re.match(r"T2S_\w+=", word)]
            said.append(project.run("env", *settings, *(stands_for.get(w, w) for w in words[len(settings) :])))
    return said


def test_what_next(project: Any) -> None:
    shutil.copy(project.path / "models" / "t2s.safetensors", project.path / "models" / "old.safetensors")
    leave_out = (
        "source",
        "git",
        "mlflow ui",
        "t2s demo",
        "dvc exp run",
        "t2s --install-completion",
    )  # elsewhere, or below
    type_all(project, "README.md", "What next", leave_out, **{"thank you": "please"})  # four signs are known here
    assert {path.suffix for path in (project.path / "samples").iterdir()} >= {".mp4", ".gif"}
    home = project.path / "home"
    home.mkdir()
    project.run("env", f"HOME={home}", "SHELL=/bin/bash", "t2s", "--install-completion", "bash")
    assert any("t2s" in path.read_text("utf-8") for path in home.rglob("*") if path.is_file())


def test_stages_by_hand(project: Any) -> None:
    before = project.bytes_of("reports/faithfulness.json")
    said = type_all(project, "docs/howto.md", "Stages by hand")
    assert "acquire" in said[0]  # dvc dag
    assert project.bytes_of("reports/faithfulness.json") == before
    project.run("dvc", "commit", "--force", "train")


def test_settings_of_the_machine(project: Any) -> None:
    type_all(project, "docs/howto.md", "Settings of the machine")


def test_stop_and_go_on(project: Any) -> None:
    fingerprint = json.loads(project.bytes_of("reports/run.json"))["fingerprint"]
    said = type_all(project, "docs/howto.md", "Stop and go on", FINGERPRINT=fingerprint)
    assert fingerprint in said[1]  # t2s runs list
    assert f"removed {fingerprint}" in said[2]
    assert "going on" not in said[3]  # t2s train --fresh


def test_runs_are_found_from_a_checkpoint_and_from_a_clip(project: Any) -> None:
    run_id = json.loads(project.bytes_of("reports/run.json"))["run_id"]
    fingerprint = json.loads(project.bytes_of("reports/run.json"))["fingerprint"]
    project.tracked_run("t2s.fingerprint", fingerprint)  # it may still be on its way
    tracked = next((project.path / "mlartifacts").rglob("epoch-001.png"))
    for file in ("models/t2s.safetensors", "reports/samples/hello.mp4", "reports/samples/contact-sheet.png",
                 "reports/training/epoch-003.png", str(tracked)):  # fmt: skip
        found = json.loads(project.answer("t2s", "info", file))
        assert found["fingerprint"] == fingerprint
        assert found["mlflow"]["found"] is True, found
        assert run_id in (None, found["mlflow"]["run_id"])
    assert json.loads(project.answer("t2s", "info", "models/recogniser.safetensors"))["kind"] == "recogniser"


def test_benchmarks_run_in_small(project: Any) -> None:
    """Those that take minutes even so (peers, variants, cost_growth) are left out."""
    names = ("command_line", "preprocess_throughput", "sampling", "time_to_quality")
    results = {path: path.read_bytes() for path in (project.path / "benchmarks" / "results").iterdir()}
    only = [word for name in names for word in ("--only", name)]
    said = project.run("env", "PYTHONPATH=src", "python", "benchmarks/run_all.py", "--quick", *only)
    assert "skipped" not in said
    assert all(f'"benchmark": "{name}"' in said for name in names)
    assert {path: path.read_bytes() for path in (project.path / "benchmarks" / "results").iterdir()} == results


def test_the_page_of_mlflow_opens(project: Any) -> None:
    command = next(words for words in typed("docs/howto.md", "MLflow: runs and the model registry") if words[1] == "ui")
    port = free_port()
    server = project.start(*command, "--port", str(port))
    try:
        deadline = time.monotonic() + 120
        while True:
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                assert b"MLflow" in answer.read()
                return
            assert server.poll() is None, "mlflow ui ended"
            assert time.monotonic() < deadline
            time.sleep(0.5)
    finally:
        server.terminate()
        server.wait()


def test_your_own_data(project: Any, tmp_path: Path) -> None:
    """The signer's own videos as somebody's folder: inspected, then through the whole pipeline."""
    videos = tmp_path / "videos"
    shutil.copytree(project.path / "data" / "raw", videos, ignore=shutil.ignore_patterns("*.json"))
    shown = project.answer("t2s", "data", "inspect", str(videos), "--json")
    assert json.loads(shown)["source"] == "manifest"
    project.run("dvc", "exp", "run", "-S", f"data.root={videos}", "-S", "data.source=manifest")
    page = (project.path / "reports" / "index.html").read_text("utf-8")
    assert "CC0-1.0" in page  # what the manifest says of its clips
    first = next(videos.rglob("*.mp4"))
    digest = json.loads(project.bytes_of("data/clips/clips.json"))["digest"]
    shutil.copy(next(path for path in videos.rglob("*.mp4") if path.read_bytes() != first.read_bytes()), first)
    project.run("dvc", "repro", "--force", "acquire")
    project.run("dvc", "repro", "preprocess")
    assert json.loads(project.bytes_of("data/clips/clips.json"))["digest"] != digest


def test_your_own_sentences(project: Any, tmp_path: Path) -> None:
    """Captions that differ are sentences: they train with the token encoder, and semantics are refused in words."""
    videos = tmp_path / "videos"
    videos.mkdir()
    for number, path in enumerate(sorted((project.path / "data" / "raw" / "videos").glob("*.mp4"))):
        shutil.copy(path, videos / path.name)
        (videos / f"{path.stem}.txt").write_text(f"My friend number {number} drinks water, every day.\n", "utf-8")
    changes = {"data.root": videos, "data.signs": "null", "model.text.tokenizer": "bpe", "model.text.max_length": 32,
               "model.text.depth": 1}  # fmt: skip
    overrides = [word for key, value in changes.items() for word in ("-S", f"{key}={value}")]
    project.run("dvc", "exp", "run", *overrides)
    found = json.loads(project.bytes_of("reports/faithfulness.json"))
    assert "no signs" in found["refused"]
    assert found["ranking"]["ways"] > 1
    project.run("t2s", "sample", "My friend drinks water.", "--num-samples", "1")
    assert len(list((project.path / "samples").glob("*.mp4"))) == 1
