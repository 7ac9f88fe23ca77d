import socket
from pathlib import Path

import pytest

from t2s.demo import server
from t2s.errors import UserError


def test_only_loopback_names_are_answered_by_default() -> None:
    assert server.hosts_for("127.0.0.1") == ["127.0.0.1", "localhost", "[::1]"]
    assert [server.is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "127.9.9.9")] == [True] * 4
    assert [server.is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "example.org")] == [False] * 4


def test_an_open_address_answers_to_its_own_names_only() -> None:
    names = server.hosts_for("0.0.0.0")
    assert socket.gethostname() in names
    assert "*" not in names


def test_a_taken_port_and_a_strange_host_are_one_line() -> None:
    with server.listen("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"--port {port}: .*choose another"):
            server.listen("127.0.0.1", port)
    with pytest.raises(UserError, match=r"--host no-such-host\.invalid"):
        server.listen("no-such-host.invalid", 0)


def test_a_missing_checkpoint_is_named_before_anything_is_served(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.safetensors"):
        server.serve(tmp_path / "none.safetensors", port=0)
