"""The demo as a visitor meets it, in a real Chromium."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser_checks import screenshot

pytestmark = pytest.mark.browser

HOME, RIGHT = "\ue011", "\ue014"  # WebDriver's names of the keys
NAUGHTY = "<img src=x onerror=alert(1)>"


def until(condition: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def texts(driver: Any, selector: str) -> list[str]:
    return [element.text for element in driver.find_elements("css selector", selector)]


def generate(driver: Any, text: str) -> None:
    field = until(lambda: driver.find_elements("css selector", "#signs button") and driver.find_element("id", "text"))
    field.clear()
    field.send_keys(text)
    driver.find_element("id", "go").click()


@pytest.mark.parametrize(("width", "dark"), [(1400, False), (390, True)])
def test_a_visitor_gets_clips_beside_a_real_one(
    open_page: Any, requested_by: Any, demo: Any, width: int, dark: bool, tmp_path: Path
) -> None:
    driver = open_page(demo.url, width, dark)
    chips = until(lambda: driver.find_elements("css selector", "#signs button"))
    next(chip for chip in chips if chip.text == "hello").click()
    assert driver.find_element("id", "text").get_property("value") == "hello"
    until(lambda: texts(driver, "#reading") == ["Signs: hello"])
    driver.find_element("id", "go").click()
    until(lambda: len(driver.find_elements("css selector", ".result video")) == 4)
    assert texts(driver, ".result h2") == ["hello"]
    assert texts(driver, ".result .real figcaption") == ["hello: real, unseen signer"]
    assert [text.split("\n")[0] for text in texts(driver, ".result .made figcaption")] == ["seed 0", "seed 1", "seed 2"]
    plays = (
        "return [...document.querySelectorAll('video')].filter((v) => v.readyState >= 2 && v.currentTime > 0).length"
    )
    driver.execute_script("document.querySelector('.result').scrollIntoView()")
    until(lambda: driver.execute_script(plays) >= 1)
    driver.find_element("css selector", ".made summary").click()
    assert "0123456789abcdef" in driver.find_element("css selector", ".made dl").text
    links = [link.get_attribute("download") for link in driver.find_elements("css selector", ".downloads a")[:3]]
    assert links == ["hello-seed0.mp4", "hello-seed0.gif", "hello-seed0.png"]
    assert driver.execute_script("return document.documentElement.scrollWidth") == width
    screenshot(driver, tmp_path / "demo.png")
    assert driver.get_log("browser") == []
    assert all(url.startswith(demo.url) for url in requested_by(driver))


def test_a_visitor_changes_steps_guidance_and_sampler(open_page: Any, demo: Any) -> None:
    driver = open_page(demo.url)
    until(lambda: driver.find_elements("css selector", "#signs button"))
    for slider, keys, shown in (("num_steps", HOME + RIGHT * 4, "5"), ("guidance_scale", HOME + RIGHT * 3, "1.5")):
        driver.find_element("id", slider).send_keys(keys)
        assert driver.find_element("id", f"{slider}_value").text == shown
    driver.find_element("css selector", "#sampler option[value=ddim]").click()
    generate(driver, "hello")
    until(lambda: texts(driver, ".result h2"))
    assert texts(driver, ".result .settings") == ["5 steps, guidance 1.5, ddim"]
    driver.find_element("css selector", ".made summary").click()
    facts = dict(zip(texts(driver, ".made dt"), texts(driver, ".made dd"), strict=True))
    assert (facts["num steps"], facts["guidance scale"], facts["sampler"]) == ("5", "1.5", "ddim")


def test_a_prompt_is_never_markup(open_page: Any, demo: Any) -> None:
    driver = open_page(demo.url)
    generate(driver, f"hello {NAUGHTY}")
    until(lambda: texts(driver, ".result h2"))
    assert texts(driver, ".result h2") == [f"hello {NAUGHTY}"]
    left_out = ", ".join(NAUGHTY.split())  # word by word
    assert texts(driver, ".result .remark") == [f"left out: {left_out}"]
    assert driver.find_elements("css selector", "main img") == []
    generate(driver, NAUGHTY)
    problem = until(lambda: driver.find_element("id", "problem").text)
    assert problem.startswith("unknown: '<img'")
    assert driver.get_log("browser") == []


def test_progress_is_shown_and_a_job_can_be_cancelled(open_page: Any, start: Callable[[float], Any]) -> None:
    driver = open_page(start(2.0).url)  # a busy machine clicks late
    generate(driver, "yes")
    until(lambda: driver.find_element("id", "status_text").text.startswith("Step "))
    driver.find_element("id", "cancel").click()
    until(lambda: driver.find_element("id", "go").is_enabled())
    assert not driver.find_element("id", "status").is_displayed()
    assert texts(driver, ".result") == []


def test_a_demo_that_went_away_is_said(open_page: Any, demo: Any) -> None:
    driver = open_page(demo.url)
    until(lambda: driver.find_elements("css selector", "#signs button"))
    driver.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    try:
        generate(driver, "hello")
        assert "does not answer" in until(lambda: driver.find_element("id", "problem").text)
    finally:
        online = {**offline, "offline": False, "downloadThroughput": -1, "uploadThroughput": -1}
        driver.execute_cdp_cmd("Network.emulateNetworkConditions", online)
