"""Train on clips of your own, straight from arrays, and sample: no video files, no DVC, no MLflow.

python examples/train_own_arrays.py FOLDER

Four made-up signs, each a square that moves its own way, 8 frames of 16 x 16 pixels: 144 steps, less than a minute.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from t2s import Text2Sign
from t2s.assembly import Recipe, make_training
from t2s.checkpoint import save_checkpoint
from t2s.data.clips import ClipStore
from t2s.data.shards import ShardWriter
from t2s.diffusion.config import DiffusionConfig
from t2s.models.config import ModelConfig
from t2s.paramsfile import load_yaml
from t2s.processes import make_accelerator
from t2s.runtime_config import RuntimeConfig
from t2s.tracking.tracker import SilentTracker
from t2s.training.config import TrainConfig
from t2s.training.loop import train

FRAMES, SIZE = 8, 16
STEPS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}  # rows and columns a frame
PARAMS: dict[str, Any] = load_yaml(Path(__file__).parents[1] / "params.yaml")


def make_clip(sign: str, random: np.random.Generator) -> np.ndarray:
    """(F, H, W, 3) uint8: a square of 4 x 4 pixels of any bright colour on grey."""
    clip = np.full((FRAMES, SIZE, SIZE, 3), 60, np.uint8)
    colour = random.integers(160, 256, 3)
    for frame in range(FRAMES):
        row, column = (6 + (frame - FRAMES // 2) * step for step in STEPS[sign])
        clip[frame, row : row + 4, column : column + 4] = colour
    return clip


def write_clips(folder: Path) -> ClipStore:
    """48 clips a sign to learn from, 4 held out; the store checks digests when it reads them again."""
    random = np.random.default_rng(0)
    source = {"source": "squares", "licence": "CC0-1.0", "language": "none", "split_key": "signer", "notes": ""}
    with ShardWriter(folder, num_frames=FRAMES, image_size=SIZE, clips_per_shard=64, source=source) as writer:
        for number in range(52 * len(STEPS)):
            sign = list(STEPS)[number % len(STEPS)]
            split = "train" if number < 48 * len(STEPS) else "val"
            writer.add(
                make_clip(sign, random), clip_id=f"{sign}-{number}", text=sign, sign=sign, signer=f"{split}-{number}",
                split=split, fps=8.0, source_frames=FRAMES, licence="CC0-1.0",
            )  # fmt: skip
    return ClipStore.open(folder)


def main(folder: Path) -> None:
    # params.yaml's sections, made small; a misspelt key is refused here as there.
    recipe = Recipe.make(
        ModelConfig.model_validate(PARAMS["model"] | {"width": 96, "depth": 2, "patch_size": 8}),
        DiffusionConfig.model_validate(PARAMS["diffusion"]),
        TrainConfig.model_validate(PARAMS["train"] | {"epochs": 24, "learning_rate": 0.005, "sample_epochs": []}),
        RuntimeConfig.model_validate(PARAMS["runtime"]),
        write_clips(folder / "clips"),
    )
    tokenizer = recipe.tokenizer()
    accelerator = make_accelerator(recipe.runtime, recipe.train)
    about = recipe.checkpoint_metadata(tokenizer, recipe.fingerprint)
    # state: a RunState makes it resumable, `open_tracker` in place of SilentTracker writes to MLflow.
    training = make_training(recipe, tokenizer, accelerator, None, SilentTracker(), folder, about)
    result = train(training)
    row = result.history.rows[-1]
    print(f"{result.num_steps} steps; x0-error {row['x0_mse']:.4f}, a wrong prompt costs {row['shuffled_gap']:+.0%}")
    save_checkpoint(folder / "own.safetensors", result.weights, about)

    model = Text2Sign.from_checkpoint(folder / "own.safetensors")
    for sign in STEPS:
        clips = model(sign, num_samples=4, seed=1)
        bright = clips.frames.mean(-1) > 110  # (4, F, H, W)
        places = np.array([np.argwhere(frame).mean(0) for frame in bright[:, [0, -1]].reshape(-1, SIZE, SIZE)])
        rows, columns = np.diff(places.reshape(4, 2, 2), axis=1)[:, 0].mean(0)
        print(f"'{sign}' moved {rows:+.1f} rows and {columns:+.1f} columns")
        clips.save(folder / f"{sign}.gif")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/train_own_arrays.py FOLDER")
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    main(target)
