"""The report that the real pipeline wrote, in a real Chromium: its figures and clips are no test's invention."""

import json
from pathlib import Path
from typing import Any

import pytest
from browser_checks import check_report

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(1800)]

NUM_SIGNS, NUM_SAMPLES = 4, 2
TITLES = {
    "Measures with their uncertainty", "Generated clips", "Real clips", "Loss weight",
    "Skill over the best trivial guess", "Noise error (eps-MSE)", "Clip error (x0-MSE)", "Velocity error (v-MSE)",
    "Training loss", "Output scale", "Samples after epoch 1", "Samples after epoch 3", "Splits",
}  # fmt: skip


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_the_page_of_a_real_run_shows_all_of_it_and_asks_nobody(
    open_page: Any, requested_by: Any, finished: Any, width: int, dark: bool, tmp_path: Path
) -> None:
    url = (finished.path / "reports" / "index.html").as_uri()
    driver = check_report(open_page, requested_by, url, width, dark, tmp_path / "report.png")
    assert len(driver.find_elements("css selector", "video")) == NUM_SIGNS + NUM_SAMPLES
    assert {title.text for title in driver.find_elements("css selector", "h3")} >= TITLES
    assert driver.find_elements("css selector", ".note.missing") == []
    shown = driver.find_element("tag name", "main").text
    for name, keys in {"run": ("fingerprint", "run_id"), "training": ("precision",)}.items():
        report = json.loads(finished.bytes_of(f"reports/{name}.json"))
        assert all(report[key] in shown for key in keys)
    assert finished.answer("git", "rev-list", "--max-parents=0", "HEAD").strip() in shown  # what it was trained with
    for said in ("clips/s", "data checks passed", "none is quarantined", "CC0-1.0 (synthetic)"):
        assert said in shown
