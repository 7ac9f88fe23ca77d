"""What tests ask of a page in a real browser: a picture of it, and whether a report is as it should be."""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PLAYING = """
const done = arguments[0];
document.documentElement.style.scrollBehavior = "auto";
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
PICTURES = """
const done = arguments[0];
const pictures = [...document.images];
for (const picture of pictures) picture.loading = "eager";
Promise.all(pictures.map((picture) => picture.decode().then(() => null, (error) => picture.alt + ": " + error)))
  .then((found) => { scrollTo(0, 0); done(found.filter(Boolean)); });
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


def screenshot(driver: Any, path: Path) -> np.ndarray:
    """The whole page, (height, width) of luminance; also kept as a PNG at `path` for a person to look at."""
    size = driver.execute_script("return [innerWidth, document.documentElement.scrollHeight]")
    clip = {"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1}
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
    content = base64.b64decode(shot["data"])
    path.write_bytes(content)
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("L"))


def check_report(
    open_page: Callable[..., Any], requested_by: Callable[[Any], set[str]], url: str, width: int, dark: bool, path: Path
) -> Any:
    """Every clip of the report at `url` plays, nothing is fetched, lies beside the page or is too faint to read.

    Returns the driver; a picture of the page goes to `path`.
    """
    driver = open_page(url, width, dark)
    for playing in driver.execute_async_script(PLAYING):
        assert playing["error"] is None
        assert playing["time"] > 0.1 and not playing["paused"]
    ready = driver.execute_script("return [...document.querySelectorAll('video')].map((v) => v.readyState)")
    assert ready and min(ready) >= 2
    assert driver.execute_async_script(PICTURES) == []
    content, room = driver.execute_script("const e = document.documentElement; return [e.scrollWidth, e.clientWidth]")
    assert content == room and width - room < 20  # nothing lies beside the page; a desktop scroll bar takes its part
    assert driver.execute_script(CONTRASTS) == []
    pixels = screenshot(driver, path)
    assert pixels.shape[1] == width
    assert (pixels.mean() < 80) if dark else (pixels.mean() > 200)
    assert np.std(pixels) > 10
    assert requested_by(driver) == {url}
    assert driver.get_log("browser") == []
    return driver
