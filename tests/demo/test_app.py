import io
import json
import re
import shutil
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

import av
import pytest

from t2s.choices import SamplerName
from t2s.data.encode import read_media_metadata
from t2s.demo.jobs import Job
from t2s.demo.studio import Studio

FORM = {"text": "hello", "seed": 0, "num_samples": 1, "num_steps": 4, "guidance_scale": 3.0, "sampler": "dpmpp"}
NAUGHTY = "<script>alert(1)</script>"


def test_the_page_offers_every_sampler(demo: Any) -> None:
    page = demo.ask("GET", "/")[2].decode()
    (select,) = re.findall(r'<select id="sampler".*?</select>', page, re.DOTALL)
    assert re.findall(r'value="(\w+)"', select) == list(get_args(SamplerName))


def test_the_page_and_its_files_are_served_with_a_strict_policy(demo: Any) -> None:
    for path, kind in (("/", "text/html"), ("/static/app.js", "text/javascript"), ("/static/style.css", "text/css")):
        status, headers, content = demo.ask("GET", path)
        assert (status, headers["content-type"].partition(";")[0]) == (200, kind)
        assert "default-src 'none'" in headers["content-security-policy"]
        assert b"http://" not in content and b"https://" not in content
    assert demo.ask("GET", "/static/../app.py")[0] == demo.ask("GET", "/static/%2e%2e%2fapp.py")[0] == 404
    assert demo.ask("GET", "/docs")[0] == demo.ask("GET", "/openapi.json")[0] == 404


def test_a_job_gives_playable_clips_with_their_provenance(demo: Any, tmp_path: Path) -> None:
    job = demo.finished(demo.json("POST", "/api/jobs", {**FORM, "num_samples": 2, "seed": 5}))
    assert (job["state"], job["step"], [clip["seed"] for clip in job["clips"]]) == ("done", 4, [5, 6])
    for kind, media_type in (("mp4", "video/mp4"), ("gif", "image/gif"), ("png", "image/png")):
        status, headers, content = demo.ask("GET", f"/api/jobs/{job['id']}/1.{kind}")
        assert (status, headers["content-type"]) == (200, media_type)
        path = tmp_path / f"clip.{kind}"
        path.write_bytes(content)
        about = read_media_metadata(path)
        assert (about["prompt"], about["seed"], about["note"]) == ("hello", "6", "AI-generated")
        assert about == job["clips"][1]["facts"]
    with av.open(io.BytesIO(demo.ask("GET", f"/api/jobs/{job['id']}/0.mp4")[2])) as container:
        assert sum(1 for _ in container.decode(video=0)) == 16
    assert demo.ask("GET", f"/api/jobs/{job['id']}/2.mp4")[0] == 404
    assert demo.ask("GET", f"/api/jobs/{job['id']}/0.py")[0] == 404


def test_browsers_may_ask_for_a_part_of_a_clip(demo: Any) -> None:
    job = demo.finished(demo.json("POST", "/api/jobs", FORM))
    url = f"/api/jobs/{job['id']}/0.mp4"
    _, headers, whole = demo.ask("GET", url)
    size = len(whole)
    assert headers["accept-ranges"] == "bytes"
    for asked, first, end in (("0-9", 0, 10), ("10-", 10, size), ("-5", size - 5, size), (f"7-{size * 9}", 7, size)):
        status, headers, content = demo.ask("GET", url, Range=f"bytes={asked}")
        assert (status, headers["content-range"]) == (206, f"bytes {first}-{end - 1}/{size}")
        assert content == whole[first:end]
    for asked in (f"{size}-", "-0"):
        status, headers, content = demo.ask("GET", url, Range=f"bytes={asked}")
        assert (status, headers["content-range"], content) == (416, f"bytes */{size}", b"")
    for asked in ("bytes=9-0", "bytes=0-1,3-4", "bytes=-", "bytes=x-y", "lines=0-1", f"bytes={'9' * 99}-"):
        status, _, content = demo.ask("GET", url, Range=asked)
        assert (status, content) == (200, whole)


def test_unknown_words_are_named(demo: Any) -> None:
    job = demo.finished(demo.json("POST", "/api/jobs", {**FORM, "text": f"hallo {NAUGHTY}"}))
    assert job["state"] == "failed"
    assert "'hallo' (closest: hello)" in job["message"]
    job = demo.finished(demo.json("POST", "/api/jobs", {**FORM, "text": f"hello {NAUGHTY}"}))
    assert (job["state"], job["remarks"]) == ("done", [f"left out: {NAUGHTY}"])


def test_a_text_is_read_before_it_is_sent(demo: Any) -> None:
    assert demo.json("GET", "/api/signs?text=Thank%20YOU%20xyz%20no") == {
        "signs": ["thank you", "no"],
        "unknown": ["xyz"],
    }
    for empty in ("", "%20", "%00", "a%0Ab"):
        assert demo.json("GET", f"/api/signs?text={empty}") == {"signs": [], "unknown": []}


def test_real_clips_stand_beside(demo: Any) -> None:
    assert demo.json("GET", "/api/real?prompt=hello") == {"origin": "real, unseen signer"}
    assert demo.ask("GET", "/api/real.mp4?prompt=hello")[2][4:8] == b"ftyp"
    assert demo.json("GET", "/api/real?prompt=../../etc/passwd") == {"origin": None}
    assert demo.ask("GET", "/api/real.mp4?prompt=../x")[0] == 404


@pytest.mark.parametrize(
    "change",
    [
        {"text": ""}, {"text": "   "}, {"text": "x" * 201}, {"text": "no " * 17}, {"text": "a\0b"}, {"seed": -1},
        {"seed": 2**40}, {"seed": 0.5}, {"num_samples": 0}, {"num_samples": 7}, {"num_samples": "3"},
        {"num_steps": 10**9},
        {"guidance_scale": 1e9}, {"guidance_scale": None}, {"sampler": "euler"}, {"extra": 1}, {"text": ["hello"]},
    ],
)  # fmt: skip
def test_forms_that_cannot_be_right_get_one_line(demo: Any, change: dict[str, Any]) -> None:
    status, _, content = demo.ask("POST", "/api/jobs", {**FORM, **change})
    message = json.loads(content)["message"]
    assert status == 422
    assert message and "\n" not in message and len(message) <= 500


def test_broken_requests_do_not_break_the_server(demo: Any) -> None:
    for body in (b"{", b"\xff\xfe", b"[]", b"null", b'{"text": NaN}', b'{"guidance_scale": Infinity}'):
        assert demo.ask("POST", "/api/jobs", body)[0] == 422
    assert demo.ask("GET", "/api/jobs/unknown")[0] == demo.ask("DELETE", "/api/jobs/unknown")[0] == 404
    assert demo.ask("PUT", "/api/jobs")[0] == 405
    assert demo.ask("GET", "/")[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "10.0.0.1"]
)
def test_a_foreign_host_is_refused(demo: Any, host: str) -> None:
    assert demo.ask("GET", "/api/model", Host=host)[0] == 400


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1234", "[::1]:80", "LOCALHOST"])
def test_loopback_names_are_answered(demo: Any, host: str) -> None:
    assert demo.ask("GET", "/api/model", Host=host)[0] == 200


def test_other_sites_may_not_ask(demo: Any) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        assert demo.ask("POST", "/api/jobs", FORM, Origin=origin)[0] == 403
    assert demo.ask("POST", "/api/jobs", FORM, Origin=demo.url.rstrip("/"))[0] == 202
    assert demo.ask("POST", "/api/jobs", FORM, **{"Content-Type": "text/plain"})[0] == 422


def test_large_bodies_are_refused_unread(demo: Any) -> None:
    head = f"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1:{demo.port}\r\nContent-Length: {100 * 2**20}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", demo.port), timeout=10) as connection:
        connection.sendall(head.encode())  # and not one byte of the body
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
    assert demo.ask("POST", "/api/jobs", b"x" * 16_385)[0] == 413
    chunked = f"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1:{demo.port}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", demo.port), timeout=10) as connection:
        connection.sendall(chunked.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 411 ")


def test_fifty_parallel_requests_are_all_served(demo: Any) -> None:
    def one(seed: int) -> tuple[int, bytes]:
        status, _, content = demo.ask("POST", "/api/jobs", {**FORM, "seed": seed, "num_steps": 1})
        return status, content

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(one, range(50)))
    assert [status for status, _ in answers] == [202] * 50
    ended = [demo.finished(json.loads(content)) for _, content in answers]
    assert [job.get("state") for job in ended] == ["done"] * 50
    with ThreadPoolExecutor(50) as pool:
        clips = list(pool.map(lambda job: demo.ask("GET", f"/api/jobs/{job['id']}/0.mp4"), ended))
    assert [status for status, _, _ in clips] == [200] * 50
    assert all(content[4:8] == b"ftyp" for _, _, content in clips)


def test_a_clip_whose_file_goes_while_it_is_fetched_is_whole_or_not_there(
    demo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between finding the clip and sending it, its job is the one too many."""
    find_file = Studio.file

    def goes_after(studio: Studio, job: Job, number: int, kind: str) -> Any:
        found = find_file(studio, job, number, kind)
        shutil.rmtree(job.folder)
        return found

    def goes_before(studio: Studio, job: Job, number: int, kind: str) -> Any:
        job.forget()
        return find_file(studio, job, number, kind)

    job = demo.finished(demo.json("POST", "/api/jobs", FORM))
    monkeypatch.setattr(Studio, "file", goes_after)
    status, _, content = demo.ask("GET", f"/api/jobs/{job['id']}/0.mp4")
    assert (status, content[4:8]) == (200, b"ftyp")
    monkeypatch.setattr(Studio, "file", goes_before)
    assert demo.ask("GET", f"/api/jobs/{job['id']}/0.mp4")[0] == 404
    assert demo.ask("GET", f"/api/jobs/{job['id']}/0.gif")[0] == 404


def test_a_full_queue_says_so_and_cancelled_jobs_leave_it(start: Callable[[float], Any], monkeypatch: Any) -> None:
    monkeypatch.setattr("t2s.demo.jobs.MAX_WAITING", 3)
    slow = start(0.05)
    long = {**FORM, "num_steps": 40}
    jobs = [slow.json("POST", "/api/jobs", long)]
    while slow.json("GET", f"/api/jobs/{jobs[0]['id']}")["state"] != "running":
        pass
    jobs += [slow.json("POST", "/api/jobs", long) for _ in range(3)]
    assert [slow.json("GET", f"/api/jobs/{job['id']}")["ahead"] for job in jobs] == [0, 1, 2, 3]
    status, headers, _ = slow.ask("POST", "/api/jobs", long)
    assert (status, headers["retry-after"]) == (429, "10")
    assert slow.json("DELETE", f"/api/jobs/{jobs[2]['id']}")["state"] == "cancelled"
    assert slow.json("GET", f"/api/jobs/{jobs[3]['id']}")["ahead"] == 2
    for job in jobs:
        slow.json("DELETE", f"/api/jobs/{job['id']}")
    assert [slow.finished(job)["state"] for job in jobs] == ["cancelled"] * 4
