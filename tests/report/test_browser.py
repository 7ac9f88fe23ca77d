"""The report in a real Chromium: clips play, nothing is fetched, nothing overflows, text can be read."""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from t2s.report.inputs import read_inputs
from t2s.report.page import render_page

pytestmark = pytest.mark.browser

PLAYING = """
const done = arguments[0];
const videos = [...document.querySelectorAll("video")];
const found = [];
(function next() {
  const video = videos[found.length];
  if (!video) return done(found);
  video.scrollIntoView();
  const started = Date.now();
  (function look() {
    if (video.currentTime > 0.1 || Date.now() - started > 15000) {
      found.push({time: video.currentTime, paused: video.paused, error: video.error && video.error.message});
      next();
    } else setTimeout(look, 50);
  })();
})();
"""
CONTRASTS = """
const luminance = (colour) => {
  const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
  for (let e = element; e; e = e.parentElement) {
    const colour = getComputedStyle(e).backgroundColor;
    if (!colour.startsWith("rgba(0, 0, 0, 0")) return colour;
  }
};
const shown = "h1,h2,h3,p,dt,dd,td,th,a,summary,figcaption,.remark,strong,li span,footer,svg text";
return [...document.querySelectorAll(shown)]
  .map((e) => {
    const style = getComputedStyle(e);
    const pair = [luminance(e instanceof SVGElement ? style.fill : style.color), luminance(behind(e))].sort();
    const name = e.tagName + "." + e.getAttribute("class") + " " + e.textContent.slice(0, 30);
    return [(pair[1] + 0.05) / (pair[0] + 0.05), name];
  })
  .filter(([ratio]) => ratio < 4.5);
"""


@pytest.fixture(scope="module")
def url(make_run: Callable[[int], Path]) -> str:
    root = make_run(4)
    page = root / "reports/index.html"
    page.write_text(render_page(read_inputs(root)))
    return page.as_uri()


def screenshot(driver: Any, folder: Path) -> np.ndarray:
    """The whole page, also kept in `folder` for a person to look at."""
    size = driver.execute_script("return [innerWidth, document.documentElement.scrollHeight]")
    clip = {"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1}
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
    content = base64.b64decode(shot["data"])
    (folder / "report.png").write_bytes(content)
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("L"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_the_report_shows_its_clips_and_asks_nobody(
    open_page: Any, requested_by: Any, url: str, width: int, dark: bool, tmp_path: Path
) -> None:
    driver = open_page(url, width, dark)
    for playing in driver.execute_async_script(PLAYING):
        assert playing["error"] is None
        assert playing["time"] > 0.1 and not playing["paused"]
    ready = driver.execute_script("return [...document.querySelectorAll('video')].map((v) => v.readyState)")
    assert len(ready) == 5 and min(ready) >= 2
    content, room = driver.execute_script("const e = document.documentElement; return [e.scrollWidth, e.clientWidth]")
    assert content == room and width - room < 20  # nothing lies beside the page; a desktop scroll bar takes its part
    assert driver.execute_script(CONTRASTS) == []
    pixels = screenshot(driver, tmp_path)
    assert pixels.shape[1] == width
    assert (pixels.mean() < 80) if dark else (pixels.mean() > 200)
    assert np.std(pixels) > 10
    assert requested_by(driver) == {url}
    assert driver.get_log("browser") == []


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
