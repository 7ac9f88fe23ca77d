"""Stage train: clips → models/t2s.safetensors, resumable at any instant (docs/reliability.md).

One process, or as many as a launcher starts: `torchrun --nproc_per_node 2 pipelines/train.py` (docs/scaling.md).
"""

if __name__ == "__main__":  # before all that takes long to import
    from t2s.script import run_script

    run_script(__file__)

import logging
import time
from pathlib import Path

from accelerate import Accelerator

from t2s import atomic
from t2s.assembly import Recipe, make_training, tracked
from t2s.checkpoint import save_checkpoint
from t2s.clips import publish_sheets
from t2s.data.clips import ClipStore
from t2s.diffusion.config import DiffusionConfig
from t2s.errors import UserError
from t2s.models.config import ModelConfig
from t2s.paramsfile import read_sections
from t2s.processes import make_accelerator
from t2s.prompts import warn_of_unread
from t2s.provenance import project_root
from t2s.runtime_config import RuntimeConfig
from t2s.tracking.tracker import SilentTracker
from t2s.training.config import TrainConfig
from t2s.training.loop import train
from t2s.training.report import training_report, write_history
from t2s.training.share import prepared_by_main
from t2s.training.state import RunState

CHECKPOINT = Path("models/t2s.safetensors")
SHEETS = Path("reports/training")


def main(fresh: bool = False) -> None:
    sections = read_sections("params.yaml", ModelConfig, DiffusionConfig, TrainConfig, RuntimeConfig)
    recipe = Recipe.make(*sections, ClipStore.open("data/clips"))
    accelerator = make_accelerator(recipe.runtime, recipe.train)
    try:
        lead(recipe, accelerator, fresh) if accelerator.is_main_process else follow(recipe, accelerator)
        accelerator.wait_for_everyone()  # whoever started them may take the first that ends for one that died
    except (UserError, SystemExit):
        accelerator.end_training()  # threads of a group that is open at the end may abort the process
        raise
    accelerator.end_training()


def lead(recipe: Recipe, accelerator: Accelerator, fresh: bool) -> None:
    """The whole stage in the one process there is, or in the main one of several."""
    mark = recipe.fingerprint
    config = {**recipe.fingerprinted, "learned_digest": recipe.store.learned_digest}

    def prepare() -> RunState:
        recipe.store.verify()
        return RunState.open(project_root(), mark, config, recipe.runtime.keep_checkpoints, fresh)

    held = prepared_by_main(prepare, accelerator)
    assert held is not None
    tokenizer = recipe.tokenizer()
    warn_of_unread(recipe.store.texts("train"), tokenizer.serialized, tokenizer.max_length)
    with held as state, tracked(state, recipe.runtime, config) as tracker:
        sheets = state.folder / "sheets"  # DVC deletes the outs of a stage it starts; a resumed run draws none again
        sheets.mkdir(exist_ok=True)
        about = recipe.checkpoint_metadata(tokenizer, mark)  # now: a commit during the training is not what it ran
        result = train(make_training(recipe, tokenizer, accelerator, state, tracker, sheets, about))
        about |= {"step": result.num_steps, "epoch": recipe.train.epochs, "mlflow_run_id": tracker.run_id}
        save_checkpoint(CHECKPOINT, result.weights, about)
        publish_sheets(sheets, SHEETS)
        write_history(Path("reports/plots/training.csv"), result.history)
        report = training_report(result, recipe.train.monitor, accelerator)
        atomic.write_json(Path("reports/training.json"), report)
    atomic.write_json(Path("reports/run.json"), {"run_id": tracker.run_id, "fingerprint": mark})
    logging.info("trained %s: %d steps at %.1f clips/s → %s", mark, result.num_steps, result.clips_per_s, CHECKPOINT)


def follow(recipe: Recipe, accelerator: Accelerator) -> None:
    """Every other process: learns from its share of each batch, and touches no file but the clips."""
    logging.getLogger().setLevel(logging.ERROR)  # the main process has said it already
    try:
        prepared_by_main(lambda: None, accelerator)
        train(make_training(recipe, recipe.tokenizer(), accelerator, None, SilentTracker(), SHEETS, {}))
    except (UserError, SystemExit):
        time.sleep(3.0)  # a launcher ends all once one has left; the main one first ends its run and says why
        raise
