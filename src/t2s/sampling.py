"""Text → clip: `Text2Sign.from_checkpoint(path)("hello")`.

Legend: B clips, C channels, F frames, H W pixels, L prompt tokens.
"""

import warnings
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import torch
from torch import Tensor

from t2s.checkpoint import Checkpoint, load_checkpoint
from t2s.choices import Precision, SamplerName
from t2s.clips import CARRIED, Clips, carried
from t2s.device import resolve_device
from t2s.diffusion.config import DiffusionConfig
from t2s.diffusion.guidance import guided
from t2s.diffusion.noise import draw_noise, seeded
from t2s.diffusion.polish import polished
from t2s.diffusion.prediction import to_x0
from t2s.diffusion.schedule import make_schedule
from t2s.diffusion.solvers import sample
from t2s.errors import UserError
from t2s.models.config import BEFORE_THE_KEY, ClipShape, ModelConfig
from t2s.models.text import PromptTokenizer, TextEncoder, encoder_name
from t2s.models.vivit import ViViT
from t2s.precision import resolve_precision
from t2s.prompts import answerable, explain_unknown, is_lexical, parse_prompt, remark_on
from t2s.stitching import stitch

# What a checkpoint is sampled with when nothing else is asked; params.yaml's sample: section says the same (a test).
DEFAULT_SAMPLER: SamplerName = "dpmpp"
DEFAULT_NUM_STEPS = 12  # or T, where a model has fewer timesteps
DEFAULT_GUIDANCE_SCALE = 2.0
DEFAULT_GUIDANCE_RESCALE = 0.0
DEFAULT_POLISH = 2
DEFAULT_PRECISION: Precision = "auto"
TRANSITION_FRAMES = 3  # of each clip, blended into the next one's when signs follow each other

MAX_GUIDANCE_SCALE = 50.0  # as in params.yaml's sample: section, and so is the next
MAX_POLISH = 16
MAX_SEED = 2**63 - 1  # fits a signed 64-bit integer
DEFAULT_BATCH_SIZE = 32


class Text2Sign:
    """A trained model with all it needs to turn prompts into clips."""

    def __init__(self, checkpoint: Checkpoint, text_encoder: TextEncoder | None = None) -> None:
        """`text_encoder`: of the class that the model was trained with, if it was not ours (docs/extending.md).

        Raises:
            UserError: the model was trained with another kind of text encoder.
        """
        metadata = checkpoint.metadata
        if missing := [key for key in CARRIED if key not in metadata]:
            raise KeyError(", ".join(missing))
        if not all(isinstance(prompt, str) for prompt in metadata["prompts"]):
            raise TypeError("prompts are texts")
        config = metadata["config"]
        self.metadata = metadata
        self.device = torch.device("cpu")
        self.clip = ClipShape.model_validate(config["clip"])
        diffusion = DiffusionConfig.model_validate(config["diffusion"])
        self.kind = diffusion.prediction_type
        self.schedule = make_schedule(diffusion)
        model = ModelConfig.model_validate(BEFORE_THE_KEY | config["model"])
        if (found := encoder_name(text_encoder)) != (wanted := config.get("text_encoder")):
            raise UserError(
                f"the model was trained with {wanted or 'our own'} as its text encoder, not with {found or 'our own'}: "
                "give Text2Sign the same as text_encoder="
            )
        self.tokenizer = PromptTokenizer(metadata["tokenizer"], model.text.max_length)
        self.denoiser = ViViT(
            model,
            self.clip,
            vocab_size=self.tokenizer.vocab_size,
            temporal_weight=float(config["temporal_weight"]),
            alphas_cumprod=self.schedule.alphas_cumprod,
            prediction_type=self.kind,
            text_encoder=text_encoder,
        )
        self.denoiser.load_state_dict(checkpoint.tensors)
        self.denoiser.eval().requires_grad_(False)

    def to(self, device: torch.device) -> "Text2Sign":
        """This model, moved."""
        self.denoiser.to(device)
        self.device = device
        return self

    @classmethod
    def from_checkpoint(
        cls, path: Path | str, device: str = "auto", text_encoder: TextEncoder | None = None
    ) -> "Text2Sign":
        """Load a checkpoint; it carries its config and vocabulary, no params.yaml is needed.

        Args:
            device: auto (CUDA where it is), cpu, cuda or cuda:N.
            text_encoder: of the class that the model was trained with, if it was not ours.

        Raises:
            UserError: the file is missing, damaged, or does not fit its own config; the device is not there, or has
                too little memory left.
        """
        place, checkpoint = resolve_device(device), load_checkpoint(Path(path))
        try:
            model = cls(checkpoint, text_encoder)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        except Exception as error:  # of a config, a tokenizer or weights that are not what they should be
            reason = " ".join(str(error).split())[:300]
            raise UserError(f"{path}: its weights do not fit its own config ({reason}); train again") from None
        try:
            return model.to(place)
        except RuntimeError as error:  # too little memory left, or another process has the card for itself
            reason = str(error).splitlines()[0]
            raise UserError(f"{path}: cannot be loaded onto {place} ({reason}); try another device") from None

    @property
    def prompts(self) -> list[str]:
        """The prompts the model was trained on, sorted."""
        return list(self.metadata["prompts"])

    @property
    def is_lexical(self) -> bool:
        """Whether prompts are single known signs, not free sentences."""
        return is_lexical(self.metadata.get("lexical"), self.metadata["config"]["model"]["text"]["tokenizer"])

    @property
    def default_num_steps(self) -> int:
        """Solver steps where nobody asks for a number: DEFAULT_NUM_STEPS, at most T."""
        return min(DEFAULT_NUM_STEPS, self.schedule.num_timesteps)

    def __call__(
        self,
        prompt: str,
        num_samples: int = 1,
        seed: int = 0,
        *,
        num_steps: int | None = None,
        guidance_scale: float = DEFAULT_GUIDANCE_SCALE,
        guidance_rescale: float = DEFAULT_GUIDANCE_RESCALE,
        sampler: SamplerName = DEFAULT_SAMPLER,
        polish: int = DEFAULT_POLISH,
        precision: Precision = DEFAULT_PRECISION,
        batch_size: int = DEFAULT_BATCH_SIZE,
        on_step: Callable[[int, int], None] | None = None,
    ) -> Clips:
        """Clips of one prompt: `.frames` is (B, F, H, W, C) uint8.

        Sample i of seed s is sample 0 of seed s + i. Several known signs in one prompt follow each other, each from the
        same noise, which mostly gives one signer. Unknown words raise a warning that names the closest known signs.

        Args:
            num_samples: B ≥ 1.
            seed: 0 … 2⁶³ - num_samples, of the first sample's starting noise.
            num_steps: of the solver, 1 … T; None: `default_num_steps`. With guidance each is two passes.
            guidance_scale: 0 … 50; 1 = no guidance, 0 = the null prompt.
            guidance_rescale: 0 … 1, how far the guided prediction keeps the standard deviation of the unguided one
                (Lin et al. 2023, 2305.08891, eq. 15-16).
            sampler: dpmpp, ddim or ddpm.
            polish: 0 … 16 rounds that take noise out of the finished clip, each a pass through the network.
            precision: fp32, bf16, or auto: bf16 where the hardware multiplies it, which is faster and looks the same.
            batch_size: clips made at once, 1 or more; a matter of memory, not of results.
            on_step: called with (steps done, steps in all), rounds of polish included, over all signs of the prompt.

        Raises:
            UserError: an empty or too long prompt, no known sign in it, or a number out of range.
        """
        if num_samples < 1:
            raise UserError(f"num_samples {num_samples}: ask for at least 1")
        if not 0 <= seed <= MAX_SEED - num_samples + 1:
            raise UserError(f"seed {seed}: it and those that follow it must lie in 0 … {MAX_SEED}")
        for name, value, highest in (
            ("guidance_scale", guidance_scale, MAX_GUIDANCE_SCALE),
            ("guidance_rescale", guidance_rescale, 1.0),
            ("polish", polish, MAX_POLISH),
        ):
            if not 0 <= value <= highest:
                raise UserError(f"{name} {value} is outside 0 … {highest:g}")
        num_steps = self.default_num_steps if num_steps is None else num_steps
        signs = self._signs_of(prompt)
        seeds = [seed + i for i in range(num_samples)]
        segments = []
        for number, sign in enumerate(signs):
            step = _part_of(on_step, number, len(signs))
            clips = self.generate(
                [sign] * num_samples, seeds, num_steps=num_steps, guidance_scale=guidance_scale,
                guidance_rescale=guidance_rescale, sampler=sampler, polish=polish,
                precision=precision, batch_size=batch_size, on_step=step,
            )  # fmt: skip
            segments.append(clips)
        return Clips.from_model(
            stitch(segments, min(TRANSITION_FRAMES, self.clip.num_frames // 2)),
            fps=self.clip.fps,
            provenance={
                "prompt": prompt,
                "signs": signs,
                "num_steps": num_steps,
                "guidance_scale": guidance_scale,
                "guidance_rescale": guidance_rescale,
                "sampler": sampler,
                "polish": polish,
                "precision": resolve_precision(precision, self.device),
                **carried(self.metadata),
            },
            seeds=seeds,
        )

    def generate(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        num_steps: int | None = None,
        guidance_scale: float = DEFAULT_GUIDANCE_SCALE,
        guidance_rescale: float = DEFAULT_GUIDANCE_RESCALE,
        sampler: SamplerName = DEFAULT_SAMPLER,
        polish: int = DEFAULT_POLISH,
        precision: Precision = DEFAULT_PRECISION,
        batch_size: int = DEFAULT_BATCH_SIZE,
        on_step: Callable[[int, int], None] | None = None,
    ) -> Tensor:
        """One clip per (prompt, seed), (B, C, F, H, W) in [-1, 1]. '' is the null prompt. No checks on words.

        `batch_size`: clips made at once; a matter of memory, not of results.

        Raises:
            UserError: an unknown sampler or precision, num_steps outside 1 … T, no prompts, or not one seed for each;
                a clip that is not finite.
        """
        if not 1 <= len(prompts) == len(seeds):
            raise UserError(f"{len(prompts)} prompts, {len(seeds)} seeds: give one seed for each of 1 or more prompts")
        if batch_size < 1:
            raise UserError(f"batch_size {batch_size}: ask for at least 1")
        num_steps = self.default_num_steps if num_steps is None else num_steps
        prompt_ids = self.tokenizer.encode(prompts)
        denoiser = guided(self.denoiser, guidance_scale, guidance_rescale)
        is_bf16 = resolve_precision(precision, self.device) == "bf16"
        starts = range(0, len(seeds), batch_size)
        passed, in_all = count(1), len(starts) * (num_steps + polish)

        def tick(*_: int) -> None:
            if on_step is not None:
                on_step(next(passed), in_all)

        batches = []
        for start in starts:
            rows = slice(start, start + batch_size)
            generators = seeded(seeds[rows])
            noise = draw_noise(self.clip.shape, generators).to(self.device)
            ids = prompt_ids[rows].to(self.device)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=is_bf16):
                made = sample(
                    denoiser, noise, ids, schedule=self.schedule,
                    kind=self.kind, sampler=sampler, num_steps=num_steps, to_zero=polish > 0,
                    generator=generators,
                    on_step=tick,
                )  # fmt: skip
                for _ in range(polish):
                    made = polished(self.denoise_x0, made, ids, self.schedule)
                    tick()
            if not made.isfinite().all():
                raise UserError("the model's clips are no numbers (NaN); try precision fp32, or less guidance")
            batches.append(made)
        return torch.cat(batches)

    @torch.inference_mode()
    def denoise_x0(self, x_t: Tensor, t: Tensor, prompt_ids: Tensor) -> Tensor:
        """The clean clips that the network sees in x_t (B, C, F, H, W) at t (B,), whatever it predicts."""
        return to_x0(self.kind, self.denoiser(x_t, t, prompt_ids), x_t, t, self.schedule)

    def answerable(self, prompts: Sequence[str], otherwise: int = 6) -> list[str]:
        """Which of `prompts` to draw: those it knows, or its own first ones; see `t2s.prompts.answerable`."""
        chosen, remark = answerable(prompts, self.prompts, self.is_lexical, otherwise)
        if remark:
            warnings.warn(remark, stacklevel=2)
        return chosen

    def _signs_of(self, prompt: str) -> list[str]:
        if not self.is_lexical:
            if remark := remark_on(prompt, self.prompts, self.tokenizer.unknown_words(prompt)):
                warnings.warn(remark, stacklevel=3)
            return [prompt]
        parsed = parse_prompt(prompt, self.prompts)
        if not parsed.signs:
            raise UserError(explain_unknown(parsed.unknown, self.prompts))
        if parsed.unknown:
            warnings.warn(f"{explain_unknown(parsed.unknown, self.prompts)}; they are left out", stacklevel=3)
        return parsed.signs


def _part_of(on_step: Callable[[int, int], None] | None, number: int, parts: int) -> Callable[[int, int], None] | None:
    """Progress of part `number` of several equal ones, in steps of the whole."""
    return None if on_step is None else lambda done, total: on_step(number * total + done, parts * total)
