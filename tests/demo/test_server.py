from pathlib import Path

import pytest

from t2s.demo import server
from t2s.errors import UserError


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
