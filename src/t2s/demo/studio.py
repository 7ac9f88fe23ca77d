"""The model at work for the page: from a job to files, and the real clips to hold beside them."""

import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from t2s.choices import SamplerName
from t2s.clips import FORMATS, Clips, enlarge
from t2s.data.clips import ClipStore
from t2s.data.encode import write_mp4
from t2s.demo.jobs import Job
from t2s.errors import UserError
from t2s.prompts import ParsedPrompt, is_visible, known_captions, parse_prompt
from t2s.report.held_out import real_example

SCALE = 4  # each pixel becomes SCALE x SCALE
FACTS = ("fingerprint", "git_revision", "mlflow_run_id", "licence", "language", "software_version", "step")


class Model(Protocol):
    """What the demo needs of `t2s.sampling.Text2Sign`."""

    metadata: dict[str, Any]

    @property
    def prompts(self) -> list[str]:
        """Known prompts."""

    @property
    def is_lexical(self) -> bool:
        """Whether prompts are known signs, not free sentences."""

    def __call__(
        self,
        prompt: str,
        num_samples: int = 1,
        seed: int = 0,
        *,
        num_steps: int,
        guidance_scale: float,
        sampler: SamplerName,
        on_step: Callable[[int, int], None] | None,
    ) -> Clips:
        """Clips of a prompt."""


class Studio:
    """One model, and the real clips it can be compared with (None: there are none here)."""

    def __init__(self, model: Model, real: ClipStore | None, folder: Path) -> None:
        self._model = model
        self._real = real
        self._folder = folder
        self._lock = threading.Lock()

    @property
    def prompts(self) -> list[str]:
        """Known prompts."""
        return self._model.prompts

    @property
    def facts(self) -> Mapping[str, str]:
        """Where the model comes from."""
        return {name: str(self._model.metadata[name]) for name in FACTS if self._model.metadata.get(name) is not None}

    @property
    def num_timesteps(self) -> int:
        """T of the model: more steps than that cannot be taken."""
        return int(self._model.metadata["config"]["diffusion"]["num_timesteps"])

    def read(self, text: str) -> ParsedPrompt:
        """How the model understands a text: the known prompts in it, and the words it does not know."""
        if not text.strip() or not is_visible(text):
            return ParsedPrompt([], [])
        if self._model.is_lexical:
            return parse_prompt(text, self.prompts)
        return ParsedPrompt([text] if known_captions([text], self.prompts) else [], [])

    def make(self, job: Job) -> None:
        """Generate a job's clips. Raises UserError for what the visitor can mend."""
        asked = job.request
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            job.clips = self._model(
                asked.text,
                asked.num_samples,
                asked.seed,
                num_steps=min(asked.num_steps, self.num_timesteps),
                guidance_scale=asked.guidance_scale,
                sampler=asked.sampler,
                on_step=job.on_step,
            )
        job.remarks = [str(item.message) for item in caught if item.category is UserWarning]

    def file(self, job: Job, number: int, kind: str) -> bytes | None:
        """Clip `number` of a job as mp4, gif or png, made when first asked for; None when there is none (any more).

        The content, not a path: the queue may delete the file as soon as nobody reads it.
        """
        made = job.clips
        if made is None or kind not in FORMATS or not 0 <= number < len(made):
            return None
        path = job.folder / f"{number}.{kind}"
        with job.files:
            if job.forgotten:
                return None
            if not path.is_file():
                one = made.frames[number : number + 1]
                Clips(one, made.fps, made.provenance, [made.seeds[number]]).save(path, scale=SCALE)
            return path.read_bytes()

    def real_clip(self, prompt: str) -> tuple[str, Path] | None:
        """A real clip of a known prompt: (where from, mp4); None when there is none."""
        if self._real is None or prompt not in self.prompts:
            return None
        path = self._folder / f"real-{self.prompts.index(prompt)}.mp4"
        try:
            found = real_example(self._real, prompt)
        except UserError:
            return None
        if found is None:
            return None
        origin, frames, fps = found
        with self._lock:
            if not path.is_file():
                write_mp4(path, enlarge(frames, SCALE), fps, {"prompt": prompt, "note": origin})
        return origin, path
