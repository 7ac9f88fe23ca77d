"""Clips from Python: what comes out, several seeds, two signs in a row, files.

python examples/python_api.py models/t2s.safetensors samples
"""

import sys
from pathlib import Path

import numpy as np

from t2s import Text2Sign


def main(checkpoint: str, folder: str) -> None:
    model = Text2Sign.from_checkpoint(checkpoint)  # brings its config and words along; params.yaml is not read
    first, second, *_ = model.prompts
    print("knows", ", ".join(model.prompts))

    # One prompt, several seeds: sample i is what seed 7 + i gives alone.
    clips = model(first, num_samples=3, seed=7)
    print(f"'{first}', seeds {clips.seeds}: {clips.frames.shape} {clips.frames.dtype}, {clips.fps:g} frames a second")
    again = model(first, seed=9)
    print("seed 9 alone is the third of them:", bool(np.allclose(clips.frames[2], again.frames[0], atol=1)))

    # Fewer steps are faster, a guidance scale of 1 is no guidance.
    quick = model(first, num_steps=4, guidance_scale=1.0)
    print(f"in 4 steps instead of {clips.provenance['num_steps']}: {quick.frames.shape}")

    # Known signs follow each other, made by one signer: same seed, same noise.
    both = model(f"{first} {second}", seed=7)
    print(f"'{both.provenance['prompt']}' as {both.provenance['signs']}: {both.frames.shape[1]} frames")

    # Files say what made them (`t2s info FILE`) and show that a machine did.
    for path in [*clips.save(Path(folder) / "seeds.mp4"), *both.save(Path(folder) / "both.gif", scale=2)]:
        print(path)
    clips.save_sheet(Path(folder) / "seeds.png")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/python_api.py CHECKPOINT FOLDER")
    main(*sys.argv[1:])
