import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

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


def answered(request: urllib.request.Request | str) -> Any:
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


@pytest.mark.slow
def test_the_command_serves_warns_of_an_open_address_and_ends(make_checkpoint: Any, tmp_path: Path) -> None:
    """`t2s demo` itself, on a free port and open to others, asked for clips as the page asks."""
    make_checkpoint(tmp_path / "m.safetensors", diffusion={"num_timesteps": 10})
    command = [str(Path(sys.executable).with_name("t2s")), "demo", "--checkpoint", str(tmp_path / "m.safetensors")]
    process = subprocess.Popen(
        [*command, "--host", "0.0.0.0", "--port", "0"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said: list[str] = []
        while not said or "t2s demo: " not in said[-1]:
            said.append(next(process.stderr))
        assert any(server.WARNING in line for line in said)
        port = re.search(r":(\d+)", said[-1].split("t2s demo: ")[1])
        assert port is not None
        address = f"http://127.0.0.1:{port[1]}"
        with urllib.request.urlopen(address, timeout=30) as answer:
            assert b"t2s" in answer.read()
        assert answered(f"{address}/api/model")["defaults"]["num_steps"] == 10  # of 12, as many as the model has
        form = {"text": "hello", "seed": 3, "num_samples": 2, "num_steps": 2, "guidance_scale": 2, "sampler": "ddim"}
        asked = urllib.request.Request(
            f"{address}/api/jobs", json.dumps(form).encode(), {"Content-Type": "application/json"}
        )
        job = answered(asked)
        while job["state"] not in ("done", "failed"):
            time.sleep(0.05)
            job = answered(f"{address}/api/jobs/{job['id']}")
        assert (job["state"], [clip["seed"] for clip in job["clips"]]) == ("done", [3, 4]), job
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) in (0, 130)
    finally:
        process.kill()
        process.communicate()
