"""The report in a real Chromium: clips play, nothing is fetched, nothing overflows, text can be read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser_checks import check_report

from t2s.report.inputs import read_inputs
from t2s.report.page import render_page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def url(make_run: Callable[[int], Path]) -> str:
    root = make_run(4)
    page = root / "reports/index.html"
    page.write_text(render_page(read_inputs(root)))
    return page.as_uri()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_the_report_shows_its_clips_and_asks_nobody(
    open_page: Any, requested_by: Any, url: str, width: int, dark: bool, tmp_path: Path
) -> None:
    driver = check_report(open_page, requested_by, url, width, dark, tmp_path / "report.png")
    assert len(driver.find_elements("css selector", "video")) == 5


def test_all_clips_can_be_paused_by_keyboard(open_page: Any, url: str) -> None:
    driver = open_page(url)
    button = driver.find_element("id", "motion")
    button.send_keys("\ue007")  # Enter
    assert button.text == "Play clips"
    assert driver.execute_script("return [...document.querySelectorAll('video')].every((v) => v.paused)")
    button.send_keys(" ")
    assert button.text == "Pause clips"


def test_a_report_without_any_input_is_shown_too(open_page: Any, tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    page.write_text(render_page(read_inputs(tmp_path)))
    driver = open_page(page.as_uri(), 390)
    assert driver.get_log("browser") == []
    assert driver.execute_script("return document.documentElement.scrollWidth") == 390
    assert not driver.find_element("id", "motion").is_displayed()
