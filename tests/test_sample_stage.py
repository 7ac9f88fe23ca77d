"""The sample stage on a tiny checkpoint: what params.yaml asks for reaches every file."""

import runpy
import shutil
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest
import yaml
from PIL import Image

from t2s.clips import MARK_HEIGHT, caption_column

ROOT = Path(__file__).parents[1]
PROMPTS, FRAMES, SIZE, SHEET_SCALE = ["hello", "thank you"], 4, 8, 2


@pytest.mark.parametrize("num_samples", [1, 2])
@pytest.mark.parametrize("mark", [True, False])
def test_every_clip_is_named_and_no_mark_means_none_on_the_contact_sheet_either(
    tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, mark: bool, num_samples: int
) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    sample = params["sample"] | {"prompts": PROMPTS, "num_steps": 2, "scale": 1, "mark": mark}
    sample |= {"num_samples": num_samples}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"sample": sample, "runtime": params["runtime"]}))
    (tmp_path / "models").mkdir()
    shutil.copy(tiny_checkpoint, tmp_path / "models/t2s.safetensors")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("T2S_RUNTIME_DEVICE", "cpu")
    monkeypatch.setattr("t2s.tracking.tracker.continue_run", lambda *_: nullcontext(MagicMock()))
    runpy.run_path(str(ROOT / "pipelines/sample.py"))["main"]()
    strip = MARK_HEIGHT if mark else 0
    first = "hello.gif" if num_samples == 1 else "hello-0.gif"
    with Image.open(f"reports/samples/{first}") as clip, Image.open("reports/samples/contact-sheet.png") as sheet:
        assert clip.size == (SIZE, SIZE + strip)
        width, height = sheet.size
        named = caption_column([prompt for prompt in PROMPTS for _ in range(num_samples)], SHEET_SCALE * SIZE)
        assert (width, height) == (named.shape[1] + FRAMES * SHEET_SCALE * SIZE, len(named) + strip)
        assert np.array_equal(np.asarray(sheet)[: len(named), : named.shape[1]], named)
