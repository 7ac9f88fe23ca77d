"""What the benchmarks sample is what the product samples."""

from pathlib import Path

import pytest
import torch
from workload import read_settings, sample_as_asked

from t2s.diffusion.config import DiffusionConfig
from t2s.diffusion.noise import draw_noise, seeded
from t2s.sampling import Text2Sign


@pytest.mark.parametrize("changes", [{}, {"guidance_rescale": 0.7, "polish": 0, "precision": "bf16"}])
def test_a_clip_of_the_benchmarks_is_the_products_to_the_bit(tiny_checkpoint: Path, changes: dict[str, object]) -> None:
    model = Text2Sign.from_checkpoint(tiny_checkpoint, "cpu")
    how = read_settings({}).sample.model_copy(update={"num_steps": 3, **changes})
    diffusion = DiffusionConfig.model_validate(model.metadata["config"]["diffusion"])
    prompts, seeds = model.prompts[:2], [5, 6]
    made = sample_as_asked(
        model.denoiser, how, diffusion, draw_noise(model.clip.shape, seeded(seeds)), model.tokenizer.encode(prompts)
    )
    options = ("num_steps", "guidance_scale", "guidance_rescale", "sampler", "polish", "precision")
    assert torch.equal(made, model.generate(prompts, seeds, **{name: getattr(how, name) for name in options}))
