import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from t2s.demo import hosts


def test_only_loopback_names_are_answered_by_default() -> None:
    assert hosts.names_for("127.0.0.1") == ["127.0.0.1", "::1", "localhost"]
    assert [hosts.is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "127.9.9.9")] == [True] * 4
    assert [hosts.is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "example.org")] == [False] * 4


def test_an_open_address_answers_to_its_own_names_only() -> None:
    names = hosts.names_for("0.0.0.0")
    assert socket.gethostname().lower() in names
    assert not any("*" in name for name in names)


@pytest.mark.parametrize(
    ("header", "arrived_at"),
    [
        ("box.lan:7860", None), ("BOX.lan", None), ("a.wild.lan", None), ("192.0.2.7:7860", "192.0.2.7"),
        ("192.0.2.7", "::ffff:192.0.2.7"), ("[fd00::2]:7860", "fd00::2"), ("[FD00:0::2]", "fd00::2"),
        ("[fe80::1]:80", "fe80::1%eth0"),
    ],
)  # fmt: skip
def test_its_names_and_the_address_of_the_connection_are_answered(header: str, arrived_at: str | None) -> None:
    assert hosts.is_answered(header, ["box.lan", "*.wild.lan"], arrived_at)


@pytest.mark.parametrize(
    "header",
    [
        "evil.example",
        "192.0.2.8",
        "192.0.2.7.evil.example",
        "box.lan.evil.example",
        "evilbox.lan",
        "",
        ":",
        "[",
        "[]:1",
    ],
)
def test_other_names_are_not(header: str) -> None:
    assert not hosts.is_answered(header, ["box.lan", "*.wild.lan"], "192.0.2.7")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "0.0.0.0", "localhost"])
def test_the_address_that_is_told_answers_and_a_foreign_name_there_does_not(
    start: Callable[..., Any], host: str
) -> None:
    demo = start(0.0, host)
    assert demo.address not in ("0.0.0.0", "::")
    assert demo.ask("GET", "/")[0] == demo.ask("GET", "/", Host=f"localhost:{demo.port}")[0] == 200
    assert demo.ask("POST", "/api/jobs", b"", Origin=demo.url.rstrip("/"))[0] == 422  # not another site
    status, _, content = demo.ask("GET", "/", Host=f"evil.example:{demo.port}")
    assert status == 400
    assert "'evil.example'" in json.loads(content)["message"] and "--allow-name" in json.loads(content)["message"]


def test_listening_everywhere_answers_at_every_address_of_this_machine(start: Callable[..., Any]) -> None:
    port = start(0.0, "0.0.0.0").port
    for address in ("127.0.0.1", "127.0.0.3"):
        request = f"GET / HTTP/1.1\r\nHost: {address}:{port}\r\nConnection: close\r\n\r\n"
        with socket.create_connection((address, port), timeout=10) as connection:
            connection.sendall(request.encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")


def test_without_a_network_the_address_told_is_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listening:
        listening.bind(("0.0.0.0", 0))
        monkeypatch.setitem(hosts.FAR_AWAY, socket.AF_INET, "255.255.255.255")  # refused to a socket without broadcast
        assert hosts.url_of(listening) == f"http://127.0.0.1:{listening.getsockname()[1]}"
