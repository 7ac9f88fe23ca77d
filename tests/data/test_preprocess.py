"""The preprocess stage on real files: quarantine, any number of workers, kills, disk."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from doc_commands import ROOT, commands
from ports import free_port

from t2s.data.clip_reader import media_digest
from t2s.data.clips import ClipStore
from t2s.data.config import DataConfig, PreprocessConfig
from t2s.data.faults import MediaError
from t2s.data.manifest import ManifestRow, write_manifest
from t2s.data.preprocess import preprocess
from t2s.errors import UserError

LOCAL = PreprocessConfig(engine="processes", workers=1, dask_scheduler=None)


@pytest.fixture
def small(make_config: Callable[..., DataConfig]) -> Callable[..., DataConfig]:
    return lambda **changes: make_config(**{"num_frames": 4, "image_size": 16, "clips_per_shard": 7, **changes})


@pytest.fixture
def raw(tmp_path: Path, encode_video: Callable[..., Path]) -> Callable[..., Path]:
    """data/raw with `count` different tiny videos; `broken` of them hold half a file."""

    def make(count: int, broken: Sequence[int] = ()) -> Path:
        folder = tmp_path / "raw"
        rows = []
        for k in range(count):
            frames = np.random.default_rng(k).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
            path = encode_video(folder / f"videos/{k:03d}.mp4", frames, codec="mpeg4", options={"qscale": "2"})
            if k in broken:
                path.write_bytes(path.read_bytes()[:400])
            named = (f"clip{k:03d}", f"videos/{k:03d}.mp4", f"word {k}", f"sign{k % 3}", f"s{k % 5}")
            rows.append(ManifestRow(*named, "train", None, None, None, None, "CC0-1.0"))
        write_manifest(folder / "manifest.csv", rows)
        source = {"source": "test", "media_root": ".", "licence": "CC0-1.0", "language": "none", "split_key": "given"}
        (folder / "source.json").write_text(json.dumps(source), encoding="utf-8")
        return folder

    return make


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., ClipStore]:
    def run(raw: Path, config: DataConfig, how: PreprocessConfig = LOCAL, name: str = "clips") -> ClipStore:
        preprocess(raw, tmp_path / name, tmp_path / "reports", tmp_path / f"runs-{name}", config, how)
        return ClipStore.open(tmp_path / name)

    return run


def report(tmp_path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((tmp_path / "reports" / "preprocess.json").read_bytes())
    return content


def rewrite(raw: Path, change: Callable[[list[ManifestRow]], list[ManifestRow]]) -> None:
    from t2s.data.manifest import read_manifest

    write_manifest(raw / "manifest.csv", change(read_manifest(raw / "manifest.csv")))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_one_bad_file_among_100_leaves_the_other_99_as_they_are(raw, run, small, tmp_path) -> None:
    all_good = run(raw(100), small(), name="good")
    rest = run(raw(100, broken=[41]), small())
    assert len(all_good) == 100
    assert [record.clip_id for record in rest.records] == [f"clip{k:03d}" for k in range(100) if k != 41]
    good = {record.clip_id: i for i, record in enumerate(all_good.records)}
    for i, record in enumerate(rest.records):
        assert rest.pixels(i).tobytes() == all_good.pixels(good[record.clip_id]).tobytes()
        assert record.sha256 == all_good.records[good[record.clip_id]].sha256
    (bad,) = report(tmp_path)["quarantined"]
    assert (bad["clip_id"], bad["path"], bad["reason"]) == ("clip041", "videos/041.mp4", "corrupt")
    assert report(tmp_path)["clips"] == 99
    table = (tmp_path / "reports" / "preprocess.md").read_text(encoding="utf-8")
    assert "99 of 100 clips can be used, 1 are quarantined." in table
    assert "| clip041 | videos/041.mp4 | corrupt | " in table


def test_what_was_listed_but_not_read_is_told_once(raw, run, small, tmp_path) -> None:
    folder = raw(4, broken=[2])
    gone = {"kind": "missing", "clip_id": "gone", "path": "videos/gone.mp4", "message": "no such file"}
    told = {"kind": "path", "clip_id": "clip002", "path": "videos/002.mp4", "message": "stays in the manifest"}
    (folder / "source_report.json").write_text(json.dumps({"issues": [gone, told]}))
    run(folder, small(max_quarantine_fraction=0.5))
    (unread,) = report(tmp_path)["not_read"]
    assert (unread["clip_id"], unread["reason"]) == ("gone", "missing")
    assert (report(tmp_path)["num_not_read"], report(tmp_path)["num_quarantined"]) == (1, 1)
    table = (tmp_path / "reports" / "preprocess.md").read_text(encoding="utf-8")
    assert "3 of 4 clips can be used" in table and "| gone | videos/gone.mp4 | missing | no such file |" in table
    (folder / "source_report.json").write_text("half")
    with pytest.raises(UserError, match=r"source_report\.json: cannot be read"):
        run(folder, small(max_quarantine_fraction=0.5))


def test_the_number_of_workers_changes_nothing(raw, run, small, tmp_path) -> None:
    folder = raw(30, broken=[3])
    for workers in (1, 3):
        run(folder, small(), LOCAL.model_copy(update={"workers": workers}), name=f"clips{workers}")
    assert files(tmp_path / "clips1") == files(tmp_path / "clips3")


def test_what_is_finished_is_not_done_again(raw, run, small, tmp_path, monkeypatch) -> None:
    folder = raw(10)
    run(folder, small())
    first = files(tmp_path / "clips")
    monkeypatch.setattr("t2s.data.local_engine.DecoderProcess.decode", lambda *_: pytest.fail("decoded again"))
    run(folder, small())
    assert files(tmp_path / "clips") == first


def test_only_this_manifests_clips_are_told_as_finished_before(raw, run, small, caplog) -> None:
    """The state of one setting holds the clips of every data set that was read with it."""
    caplog.set_level("INFO")

    def told() -> list[str]:
        found = [line for line in caplog.messages if "finished before" in line]
        caplog.clear()
        return found

    folder = raw(6)
    run(folder, small())
    assert told() == []
    rewrite(folder, lambda rows: rows[:2])
    run(folder, small())
    assert told() == ["2 of 2 clips were finished before"]
    rewrite(folder, lambda rows: [replace(row, start_s=0.04) for row in rows])
    run(folder, small())
    assert told() == []


def test_settings_and_files_decide_what_is_finished(raw, run, small, tmp_path) -> None:
    folder = raw(3)
    before = run(folder, small())
    assert run(folder, small(num_frames=3)).meta.num_frames == 3
    content = (folder / "videos/001.mp4").read_bytes()
    (folder / "videos/001.mp4").write_bytes((folder / "videos/002.mp4").read_bytes())
    after = run(folder, small())
    assert after.records[1].sha256 == before.records[2].sha256
    (folder / "videos/001.mp4").write_bytes(content)
    assert run(folder, small()).digest == before.digest


@pytest.mark.parametrize(("kills", "count"), [(3, 40), pytest.param(30, 150, marks=pytest.mark.slow)])
def test_killed_at_any_instant_it_goes_on(kills, count, raw, run, small, tmp_path) -> None:
    """kill -9 again and again; finished clips stay finished and the result is the same bits."""
    folder = raw(count)
    expected = run(folder, small(), name="expected")
    config, state = small(), tmp_path / "runs"
    script = f"""
from pathlib import Path
from t2s.data.config import DataConfig, PreprocessConfig
from t2s.data.preprocess import preprocess
preprocess(Path({str(folder)!r}), Path({str(tmp_path / "clips")!r}), Path({str(tmp_path / "reports")!r}),
           Path({str(state)!r}), DataConfig.model_validate_json({config.model_dump_json()!r}),
           PreprocessConfig(engine="processes", workers=1, dask_scheduler=None))
"""
    random = np.random.default_rng(0)
    killed = finished = 0
    while killed < kills:
        with subprocess.Popen([sys.executable, "-c", script], start_new_session=True) as process:
            _wait_for_more(state, finished, process)
            time.sleep(random.uniform(0.0, 0.1))  # all is decoded in some tenths of a second, then written
            process.send_signal(signal.SIGKILL)
        assert _finished(state) >= finished
        if process.returncode == -signal.SIGKILL:
            killed, finished = killed + 1, _finished(state)
        else:  # it came to its end before: begin anew
            assert process.returncode == 0
            assert files(tmp_path / "clips") == files(tmp_path / "expected")
            shutil.rmtree(tmp_path / "clips")
            shutil.rmtree(state)
            finished = 0
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
    assert files(tmp_path / "clips") == files(tmp_path / "expected")
    assert _finished(state) == len(expected)  # no clip was finished twice


def _finished(state: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in state.glob("*/finished.jsonl"))


def _wait_for_more(state: Path, finished: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while _finished(state) <= finished and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_too_many_bad_files_stop_the_stage(raw, run, small, tmp_path) -> None:
    folder = raw(10, broken=[1, 2])
    with pytest.raises(UserError) as caught:
        run(folder, small(max_quarantine_fraction=0.1))
    assert "2 of 10 clips (20.0%)" in str(caught.value)
    assert "data.max_quarantine_fraction = 0.1" in str(caught.value)
    assert report(tmp_path)["num_quarantined"] == 2
    assert not (tmp_path / "clips").exists()
    assert len(run(folder, small(max_quarantine_fraction=0.2))) == 8


def test_nothing_usable_stops_the_stage(raw, run, small) -> None:
    with pytest.raises(UserError, match="none of the 2 clips"):
        run(raw(2, broken=[0, 1]), small(max_quarantine_fraction=1.0))


def test_bad_captions_are_quarantined_and_good_ones_kept_byte_for_byte(raw, run, small, tmp_path) -> None:
    captions = ["", "  ", "nul \0", "x" * 1001, "NA", "👩‍🦰 שלום\r\nline", "e\u0301", 'a,"b"', "x" * 1000]
    folder = raw(len(captions))
    rewrite(folder, lambda rows: [replace(row, text=text) for row, text in zip(rows, captions, strict=True)])
    store = run(folder, small(max_quarantine_fraction=0.5))
    assert [record.text for record in store.records] == captions[4:]
    reasons = [(bad["clip_id"], bad["reason"]) for bad in report(tmp_path)["quarantined"]]
    assert reasons == [(f"clip{k:03d}", "caption") for k in range(4)]


def test_attacks_cost_their_own_clip_only(raw, run, small, tmp_path) -> None:
    folder = raw(12)
    videos = folder / "videos"
    outside = tmp_path / "outside.mp4"
    outside.write_bytes((videos / "000.mp4").read_bytes())
    for name in ("000", "001", "002", "003", "004"):
        (videos / f"{name}.mp4").unlink()
    (videos / "000.mp4").symlink_to(outside)
    os.mkfifo(videos / "001.mp4")
    (videos / "002.mp4").mkdir()
    (videos / "003.mp4").write_text("ffconcat version 1.0\nfile '005.mp4'\n", encoding="utf-8")
    paths = {4: "../outside.mp4", 5: str(outside), 6: "videos/none.mp4"}
    rewrite(folder, lambda rows: [replace(row, path=paths.get(k, row.path)) for k, row in enumerate(rows)])
    store = run(folder, small(max_quarantine_fraction=0.6))
    assert [record.clip_id for record in store.records] == [f"clip{k:03d}" for k in range(7, 12)]
    reasons = {bad["clip_id"]: bad["reason"] for bad in report(tmp_path)["quarantined"]}
    assert reasons == {
        "clip000": "path", "clip001": "path", "clip002": "path", "clip003": "container", "clip004": "path",
        "clip005": "path", "clip006": "missing",
    }  # fmt: skip


def test_a_file_far_longer_than_its_disk_is_not_read_to_its_end(tmp_path) -> None:
    with (tmp_path / "sparse.mp4").open("wb") as file:
        file.truncate(1 << 43)
    with pytest.raises(MediaError, match=r"data\.decode\.time_s") as caught:
        media_digest(tmp_path, "sparse.mp4", limit_s=0.1)
    assert caught.value.reason == "time"


def test_a_file_name_cannot_break_the_table(raw, run, small, tmp_path) -> None:
    folder = raw(3)
    rewrite(folder, lambda rows: [replace(rows[0], path="a|b\n<script>.mp4"), *rows[1:]])
    run(folder, small(max_quarantine_fraction=0.5))
    table = (tmp_path / "reports" / "preprocess.md").read_text(encoding="utf-8")
    assert r"a\|b &lt;script>.mp4" in table


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (lambda raw: (raw / "manifest.csv").unlink(), "run the acquire stage first"),
        (lambda raw: (raw / "source.json").unlink(), "run the acquire stage first"),
        (lambda raw: (raw / "source.json").write_text("{}", encoding="utf-8"), "no media_root"),
        (lambda raw: (raw / "source.json").write_text('{"media_root": "none"}', encoding="utf-8"), "no such folder"),
        (lambda raw: rewrite(raw, lambda rows: []), "holds no clips"),
    ],
)
def test_missing_data_is_one_clear_line(damage, part, raw, run, small) -> None:
    folder = raw(1)
    damage(folder)
    with pytest.raises(UserError, match=part):
        run(folder, small())


def test_a_full_disk_is_one_clear_line(raw, small, tmp_path) -> None:
    """The kernel refuses to let the state file grow; what was finished stays."""
    folder = raw(6)
    script = f"""
import resource
from pathlib import Path
from t2s.data.config import DataConfig, PreprocessConfig
from t2s.data.preprocess import preprocess
from t2s.errors import UserError
resource.setrlimit(resource.RLIMIT_FSIZE, (7000, 7000))
try:
    preprocess(Path({str(folder)!r}), Path({str(tmp_path / "clips")!r}), Path({str(tmp_path / "reports")!r}),
               Path({str(tmp_path / "runs")!r}), DataConfig.model_validate_json({small().model_dump_json()!r}),
               PreprocessConfig(engine="processes", workers=1, dask_scheduler=None))
except UserError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert "cannot be written" in done.stdout
    assert str(tmp_path / "runs") in done.stdout
    assert _finished(tmp_path / "runs") == 2


@contextmanager
def documented_cluster(folder: Path) -> Iterator[str]:
    """A scheduler and a worker, started with the words of docs/data.md on a free port; the scheduler's address."""
    address = f"127.0.0.1:{free_port()}"
    shown = [words for words, _ in commands(ROOT / "docs" / "data.md") if words[0] == "dask"]
    assert [words[1] for words in shown] == ["scheduler", "worker"]
    started = []
    try:
        for words in shown:
            named = [word.replace("host:8786", address).replace("8786", address.split(":")[1]) for word in words[1:]]
            command = [sys.executable, "-m", "dask", *named]
            with (folder / f"{words[1]}.log").open("wb") as log:
                started.append(subprocess.Popen(command, cwd=folder, stdout=log, stderr=log))
        yield f"tcp://{address}"
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(30)


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same_bits(raw, run, small, tmp_path) -> None:
    pytest.importorskip("distributed")
    folder = raw(70, broken=[5])
    run(folder, small(), name="local")
    with documented_cluster(tmp_path) as address:
        run(folder, small(), PreprocessConfig(engine="dask", workers=None, dask_scheduler=address), name="cluster")
    assert files(tmp_path / "local") == files(tmp_path / "cluster")


def test_no_scheduler_is_one_clear_line(raw, run, small, monkeypatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("t2s.data.dask_engine._PATIENCE_S", 1)
    folder = raw(1)
    for address in ("nonsense://x", f"tcp://127.0.0.1:{free_port()}"):
        how = PreprocessConfig(engine="dask", workers=None, dask_scheduler=address)
        with pytest.raises(UserError, match=rf"preprocess\.dask_scheduler = {address}") as caught:
            run(folder, small(), how)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("num_workers", "other", "said"), [(0, False, "no worker came in 1 s"), (1, True, "decode with other code")]
)
def test_a_cluster_that_cannot_serve_is_one_clear_line(raw, run, small, monkeypatch, num_workers, other, said) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr("t2s.data.dask_engine._PATIENCE_S", 1)
    with distributed.LocalCluster(
        n_workers=num_workers, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        how = PreprocessConfig(engine="dask", workers=None, dask_scheduler=cluster.scheduler_address)
        if other:  # this machine's decoders are not the worker's
            monkeypatch.setattr("t2s.data.decode_task.cv2.__version__", "0.0")
        with pytest.raises(UserError, match=said):
            run(raw(1), small(), how)


def test_the_stage_from_the_command_line(raw, small, tmp_path) -> None:
    import yaml

    folder = raw(8, broken=[2])
    project = tmp_path / "project"
    (project / "data").mkdir(parents=True)
    folder.rename(project / "data" / "raw")
    source = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(source / "src"), "DVC_ROOT": str(tmp_path / "main")}

    def stage(**changes: Any) -> "subprocess.CompletedProcess[str]":
        sections = {"data": small(**changes).model_dump(), "preprocess": LOCAL.model_dump()}
        (project / "params.yaml").write_text(yaml.safe_dump(sections), encoding="utf-8")
        return subprocess.run(
            [sys.executable, str(source / "pipelines" / "preprocess.py")],
            cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    failed = stage()
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: 1 of 8 clips (12.5%) are quarantined")
    assert "Traceback" not in failed.stderr
    done = stage(max_quarantine_fraction=0.2)
    assert done.returncode == 0, done.stderr
    assert "7 clips in data/clips, 1 quarantined" in done.stderr
    assert len(ClipStore.open(project / "data" / "clips")) == 7
    assert list((tmp_path / "main" / "runs").glob("preprocess-*"))
