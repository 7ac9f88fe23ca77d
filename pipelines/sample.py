"""Stage sample: the checkpoint → reports/samples, one mp4 and one GIF a prompt, and a contact sheet of all."""

if __name__ == "__main__":  # before all that takes long to import
    from t2s.script import run_script

    run_script(__file__)

from pathlib import Path

import numpy as np

from t2s.clips import Clips
from t2s.paramsfile import read_sections
from t2s.progress import track
from t2s.prompts import file_stems
from t2s.provenance import project_root
from t2s.runtime_config import RuntimeConfig
from t2s.sample_config import SampleConfig
from t2s.sampling import Text2Sign
from t2s.tracking.tracker import continue_run

FOLDER = Path("reports/samples")


def main() -> None:
    config, runtime = read_sections("params.yaml", SampleConfig, RuntimeConfig)
    model = Text2Sign.from_checkpoint("models/t2s.safetensors", runtime.device)
    FOLDER.mkdir(parents=True, exist_ok=True)
    made: list[Clips] = []
    prompts = model.answerable(config.prompts)
    for prompt, name in track(zip(prompts, file_stems(prompts), strict=True), "sample", total=len(prompts)):
        clips = model(prompt, **config.how)
        for suffix in ("mp4", "gif"):
            clips.save(FOLDER / f"{name}.{suffix}", mark=config.mark, scale=config.scale)
        made.append(clips)
    frames = min(clips.frames.shape[1] for clips in made)
    everything = Clips(
        np.concatenate([clips.frames[:, :frames] for clips in made]),
        made[0].fps,
        {
            **made[0].provenance,
            "prompt": ", ".join(prompts),
            "signs": [sign for clips in made for sign in clips.provenance["signs"]],
        },
        [seed for clips in made for seed in clips.seeds],
    )
    captions = [prompt for prompt, clips in zip(prompts, made, strict=True) for _ in clips.seeds]
    everything.save_sheet(FOLDER / "contact-sheet.png", mark=config.mark, captions=captions)
    with continue_run(project_root(), runtime.experiment, Path("reports/run.json")) as tracker:
        for path in sorted(FOLDER.iterdir()):
            tracker.log_artifact(path, "samples")
