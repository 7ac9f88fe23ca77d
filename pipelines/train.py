"""Stage train: clips → models/t2s.safetensors, resumable at any instant (docs/reliability.md)."""

import logging
from pathlib import Path

from t2s import atomic
from t2s.assembly import Recipe, make_accelerator, make_training, tracked
from t2s.checkpoint import save_checkpoint
from t2s.data.clips import ClipStore
from t2s.diffusion.config import DiffusionConfig
from t2s.fingerprint import fingerprint
from t2s.models.config import ModelConfig
from t2s.paramsfile import read_sections
from t2s.provenance import project_root
from t2s.runtime_config import RuntimeConfig
from t2s.stage import run_stage
from t2s.training.config import TrainConfig
from t2s.training.loop import train
from t2s.training.report import training_report, write_history
from t2s.training.state import RunState

ROOMS = ["models", "diffusion", "training", "assembly.py", "presets.py"]  # the code that decides the weights
CHECKPOINT = Path("models/t2s.safetensors")


def main(fresh: bool = False) -> None:
    params = read_sections(
        "params.yaml", model=ModelConfig, diffusion=DiffusionConfig, train=TrainConfig, runtime=RuntimeConfig
    )
    store = ClipStore.open("data/clips")
    store.verify()
    recipe = Recipe.make(params.model, params.diffusion, params.train, params.runtime, store)
    mark = fingerprint(recipe.fingerprinted, store.digest, ROOMS)
    tokenizer = recipe.tokenizer()
    accelerator = make_accelerator(recipe.runtime, recipe.train)
    config = {**recipe.fingerprinted, "data_digest": store.digest}
    with (
        RunState.open(project_root(), mark, config, recipe.runtime.keep_checkpoints, fresh) as state,
        tracked(state, recipe.runtime, config) as tracker,
    ):
        result = train(make_training(recipe, tokenizer, accelerator, state, tracker, Path("reports/training")))
        facts = {"step": result.num_steps, "epoch": params.train.epochs, "mlflow_run_id": tracker.run_id}
        save_checkpoint(CHECKPOINT, result.weights, {**recipe.checkpoint_metadata(tokenizer, mark), **facts})
        write_history(Path("reports/plots/training.csv"), result.history)
        atomic.write_json(Path("reports/training.json"), training_report(result, accelerator))
    atomic.write_json(Path("reports/run.json"), {"run_id": tracker.run_id, "fingerprint": mark})
    logging.info("trained %s: %d steps at %.1f clips/s → %s", mark, result.num_steps, result.clips_per_s, CHECKPOINT)


if __name__ == "__main__":
    run_stage(main)
