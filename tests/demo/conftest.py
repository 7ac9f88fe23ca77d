"""A demo on a real socket, with a model that draws signers instead of denoising."""

import json
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import uvicorn

from t2s.clips import Clips
from t2s.data.clips import ClipStore
from t2s.data.shards import ShardWriter
from t2s.demo.app import create_app
from t2s.demo.hosts import names_for, url_of
from t2s.demo.server import listen
from t2s.demo.studio import Studio
from t2s.errors import UserError
from t2s.prompts import explain_unknown, parse_prompt
from t2s.signer.appearance import Signer
from t2s.signer.lexicon import SIGNS, find_sign
from t2s.signer.render import render_clip

FRAMES, SIZE, FPS = 16, 64, 8.0
DEFAULTS = {"num_steps": 12, "guidance_scale": 3.0, "sampler": "dpmpp", "num_samples": 3, "seed": 0}


class DrawingModel:
    """Like Text2Sign from outside; each step takes `step_s` seconds."""

    is_lexical = True

    def __init__(self, step_s: float) -> None:
        self.step_s = step_s
        self.prompts = sorted([sign.text for sign in SIGNS[:12]])
        self.metadata: dict[str, Any] = {
            "fingerprint": "0123456789abcdef",
            "git_revision": "a" * 40,
            "licence": "CC0-1.0",
            "step": 2772,
            "config": {"diffusion": {"num_timesteps": 50}},
        }

    def __call__(self, prompt: str, num_samples: int = 1, seed: int = 0, **how: Any) -> Clips:
        found = parse_prompt(prompt, self.prompts)
        if not found.signs:
            raise UserError(explain_unknown(found.unknown, self.prompts))
        if found.unknown:
            warnings.warn(f"left out: {', '.join(found.unknown)}", stacklevel=2)
        for step in range(how["num_steps"]):
            time.sleep(self.step_s)
            how["on_step"](step + 1, how["num_steps"])
        seeds = [seed + i for i in range(num_samples)]
        sign = find_sign(found.signs[0])
        frames = np.stack([render_clip(sign, Signer.sample(7, seed % 50), 0, FRAMES, SIZE) for seed in seeds])
        return Clips(frames, FPS, {"prompt": prompt, "fingerprint": self.metadata["fingerprint"], **_plain(how)}, seeds)


def _plain(how: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in how.items() if name != "on_step"}


@dataclass(frozen=True)
class Running:
    """A demo that answers at `address` and `port`."""

    port: int
    address: str = "127.0.0.1"

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}/"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers, content. `body` that is no bytes goes as JSON."""
        connection = HTTPConnection(self.address, self.port, timeout=30)
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        try:
            connection.request(method, path, content, {"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def json(self, method: str, path: str, body: Any = None) -> Any:
        return json.loads(self.ask(method, path, body)[2])

    def finished(self, job: dict[str, Any]) -> dict[str, Any]:
        while job["state"] in ("waiting", "running"):
            time.sleep(0.02)
            job = self.json("GET", f"/api/jobs/{job['id']}")
        return job


@pytest.fixture(scope="session")
def real_clips(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    """Of two signs a clip of a signer who is not in train; of another one that was trained on."""
    folder = tmp_path_factory.mktemp("demo") / "clips"
    source = {"split_key": "signer"}
    with ShardWriter(folder, num_frames=FRAMES, image_size=SIZE, clips_per_shard=8, source=source) as writer:
        for sign, signer, split in zip(SIGNS[:3], "ust", ("test", "test", "train"), strict=True):
            frames = render_clip(sign, Signer.sample(1, 200_000), 0, FRAMES, SIZE)
            writer.add(
                frames, clip_id=sign.text, text=sign.text, sign=sign.text, signer=signer, split=split, fps=FPS,
                source_frames=24, licence="CC0-1.0",
            )  # fmt: skip
    return ClipStore.open(folder)


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory, real_clips: ClipStore) -> Iterator[Callable[..., Running]]:
    """start(step_s) → a running demo, at another `--host` if wanted; all are stopped at the end."""
    stops: list[tuple[uvicorn.Server, threading.Thread]] = []

    def run(step_s: float, host: str = "127.0.0.1") -> Running:
        folder: Path = tmp_path_factory.mktemp("served")
        studio = Studio(DrawingModel(step_s), real_clips, folder)
        listening = listen(host, 0)
        app = create_app(studio, folder, names_for(host), DEFAULTS)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        stops.append((server, thread))
        while not server.started:
            time.sleep(0.01)
        shown = urlsplit(url_of(listening))
        assert shown.hostname is not None and shown.port is not None
        return Running(shown.port, shown.hostname)

    yield run
    for server, thread in stops:
        server.should_exit = True
        thread.join(timeout=10)


@pytest.fixture(scope="session")
def demo(start: Callable[..., Running]) -> Running:
    return start(0.0)
