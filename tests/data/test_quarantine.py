"""What a data set lists and nothing can read counts as what cannot be decoded does: nothing falls out in silence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from t2s.data.clips import ClipStore
from t2s.data.config import DataConfig, PreprocessConfig
from t2s.data.preprocess import preprocess
from t2s.data.quarantine import Acquired, check_fraction
from t2s.data.sources.acquire import acquire_source
from t2s.errors import UserError

LOCAL = PreprocessConfig(engine="processes", workers=1, dask_scheduler=None)
SMALL: dict[str, Any] = {"source": "auto", "num_frames": 4, "image_size": 16}


@pytest.fixture
def videos(tmp_path: Path, write_mp4: Callable[..., Path]) -> Callable[[int], Path]:
    """A folder of `count` tiny videos, 00.mp4 …"""

    def make(count: int) -> Path:
        for k in range(count):
            write_mp4(tmp_path / "mine" / f"{k:02d}.mp4", num_frames=25)
        return tmp_path / "mine"

    return make


@pytest.fixture
def run(tmp_path: Path, make_config: Callable[..., DataConfig]) -> Callable[..., ClipStore]:
    """acquire, then preprocess."""

    def run(root: Path, **changes: Any) -> ClipStore:
        config = make_config(root=root, **{**SMALL, **changes})
        acquire_source(config, tmp_path / "raw")
        preprocess(tmp_path / "raw", tmp_path / "clips", tmp_path / "reports", tmp_path / "runs", config, LOCAL)
        return ClipStore.open(tmp_path / "clips")

    return run


def list_spans(root: Path, ends: list[str], words: int = 3) -> None:
    lines = [f"{k:02d}.mp4,word {k % words},0,{end}" for k, end in enumerate(ends)]
    (root / "manifest.csv").write_text("\n".join(["path,text,start,end", *lines]))


def test_lines_of_a_manifest_that_cannot_be_read_stop_preprocess_before_it_decodes(videos, run, monkeypatch) -> None:
    root = videos(20)
    list_spans(root, ["0.9"] * 6 + ["0;9"] * 14)
    monkeypatch.setattr("t2s.data.preprocess.run_locally", lambda *_: pytest.fail("decoded"))
    with pytest.raises(UserError) as caught:
        run(root)
    message = str(caught.value)
    assert message.startswith(
        "14 of 20 listed clips (70.0%) cannot be used, more than data.max_quarantine_fraction = 0.05 "
        "(first: manifest.csv: line 8: end '0;9' is not a number of seconds or hh:mm:ss.fff): "
    )
    assert message.endswith("source_report.json lists them")
    assert "\n" not in message


def test_a_spreadsheet_with_decimal_commas_loses_nothing(videos, run) -> None:
    root = videos(4)
    lines = [f"{k:02d}.mp4;word;0;0,{k + 5}" for k in range(4)]
    (root / "manifest.csv").write_text("\r\n".join(["path;text;start;end", *lines]))
    assert len(run(root)) == 4


def test_videos_without_a_caption_and_captions_without_a_video_stop_preprocess(videos, run) -> None:
    root = videos(13)
    for k in range(4):
        (root / f"{k:02d}.txt").write_text(f"word {k}")
    with pytest.raises(UserError, match=r"9 of 13 listed clips \(69\.2%\).*first: no caption 04\.txt beside it"):
        run(root)
    for k in range(4, 14):
        (root / f"{k:02d}.txt").write_text(f"word {k}")
    with pytest.raises(UserError, match=r"1 of 14 listed clips \(7\.1%\).*first: no video beside 13\.txt"):
        run(root)
    assert len(run(root, max_quarantine_fraction=0.08)) == 13


def test_what_cannot_be_read_and_what_cannot_be_decoded_count_together(videos, run, tmp_path) -> None:
    root = videos(20)
    list_spans(root, ["0.9"] * 19 + ["soon"])
    assert len(run(root)) == 19
    (root / "03.mp4").write_bytes(b"no video")
    with pytest.raises(UserError) as caught:
        run(root)
    assert "2 of 20 clips (10.0%) cannot be used (1 quarantined, 1 not read), more than" in str(caught.value)
    report = json.loads((tmp_path / "reports" / "preprocess.json").read_bytes())
    assert (report["clips"], report["num_quarantined"], report["num_not_read"]) == (18, 1, 1)


def test_faulty_lines_of_a_large_list_do_not_stop_a_small_selection(videos, run) -> None:
    """1 of 40 lines is little; beside the 4 clips selected it would look like much."""
    root = videos(40)
    list_spans(root, ["0.9"] * 39 + ["soon"], words=10)
    assert len(run(root, signs=["word 0"])) == 4


def test_vanished_videos_and_ids_listed_twice_do_not_count(tmp_path, write_mp4, run) -> None:
    root = tmp_path / "mine"
    write_mp4(root / "videos" / "1.mp4", num_frames=5)
    entry = {"frame_start": 1, "frame_end": -1, "split": "train", "signer_id": 1}
    instances = [{**entry, "video_id": video_id} for video_id in ("0", "1", "1", "2", "3")]
    (root / "WLASL_v0.3.json").write_text(json.dumps([{"gloss": "book", "instances": instances}]))
    assert len(run(root, max_quarantine_fraction=0.0)) == 1


def test_a_report_of_before_counts_nothing(tmp_path) -> None:
    (tmp_path / "old.json").write_text('{"issues": []}')
    acquired = Acquired.read(tmp_path / "old.json")
    acquired.check(0.0)
    check_fraction(0, 5, acquired.faulty_here, 0.0, tmp_path / "table.md")
