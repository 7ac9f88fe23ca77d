"""One cell of the ablation with one seed → results/<cell>-<seed>: result.json and a sample sheet of some epochs.

A result that carries the cell's fingerprint is left as it is. A killed cell goes on with the same command.
"""

if __name__ == "__main__":  # before all that takes long to import
    from t2s.script import run_script

    run_script(__file__, takes_arguments=True)

import argparse
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cells import (
    CLIPS,
    RECOGNISER,
    RESULTS,
    ROOT_PARAMS,
    DataSections,
    Plan,
    Sections,
    cell_fingerprint,
    cell_sections,
    data_sections,
)  # fmt: skip

from t2s import atomic
from t2s.errors import UserError
from t2s.paramsfile import load_yaml, read_section
from t2s.provenance import project_root
from t2s.runtime_config import RuntimeConfig

if TYPE_CHECKING:
    from t2s.training.history import Row
    from t2s.training.loop import TrainResult

EXPERIMENT = "t2s-ablation"
AT_EPOCHS = (5, 10, 20)  # where the seed says to look


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cell")
    parser.add_argument("seed", type=int)
    wanted = parser.parse_args()
    root, plan = load_yaml(ROOT_PARAMS), Plan.load()
    sections, data = cell_sections(root, plan, wanted.cell, wanted.seed), data_sections(root, plan)
    mark = cell_fingerprint(sections, data)
    folder = RESULTS / f"{wanted.cell}-{wanted.seed}"
    if finished_mark(folder / "result.json") == mark:
        logging.info("%s: finished before with fingerprint %s; nothing to do", folder, mark)
        return
    run(wanted.cell, wanted.seed, sections, data, mark, folder)


def finished_mark(path: Path) -> str | None:
    """The fingerprint of a result that is there and whole, else None."""
    try:
        found = json.loads(path.read_text("utf-8"))["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(found)


def run(cell: str, seed: int, sections: Sections, data: DataSections, mark: str, folder: Path) -> None:
    """Train, measure, write. The imports stand here so that a finished cell costs no second."""
    from cell_figures import measure_cell, sheet_hook

    from t2s.assembly import Recipe, make_training, tracked
    from t2s.checkpoint import load_checkpoint, save_checkpoint
    from t2s.data.clips import ClipStore
    from t2s.processes import make_accelerator
    from t2s.sampling import Text2Sign
    from t2s.training.loop import train
    from t2s.training.state import RunState

    runtime = read_section(ROOT_PARAMS, RuntimeConfig)
    runtime = runtime.model_copy(update={"experiment": EXPERIMENT, "keep_checkpoints": 1})
    store = ClipStore.open(CLIPS)
    store.verify()
    judge = load_checkpoint(RECOGNISER, kind="recogniser")
    if judge.metadata["data_digest"] != store.digest:
        raise UserError(f"{RECOGNISER}: was trained on other clips; run `dvc repro recogniser`")
    recipe = Recipe.make(sections.model, sections.diffusion, sections.train, runtime, store)
    tokenizer = recipe.tokenizer()
    accelerator = make_accelerator(runtime, recipe.train)
    config = {**sections.as_tree(), **data.as_tree(), "data_digest": store.digest}
    with (
        RunState.open(project_root(), mark, config, runtime.keep_checkpoints) as state,
        tracked(state, runtime, config) as tracker,
    ):
        tracker.set_tags({"mlflow.runName": f"{cell}-{seed}", "ablation.cell": cell, "ablation.seed": str(seed)})
        about = recipe.checkpoint_metadata(tokenizer, mark)
        training = make_training(recipe, tokenizer, accelerator, state, tracker, folder, about)
        training.on_samples = sheet_hook(recipe, tokenizer, training.validation.set.clips, folder, about)
        result = train(training)
        weights = RECOGNISER.parent / "cells" / f"{folder.name}.safetensors"
        facts = {"step": result.num_steps, "epoch": recipe.train.epochs, "mlflow_run_id": tracker.run_id}
        save_checkpoint(weights, result.weights, {**about, **facts})
        measured = measure_cell(Text2Sign.from_checkpoint(weights, runtime.device), judge, store, sections.evaluate)
        written = {
            "cell": cell,
            "seed": seed,
            "fingerprint": mark,
            "data_digest": store.digest,
            "config": sections.as_tree(),
            "precision": accelerator.mixed_precision if accelerator.mixed_precision != "no" else "fp32",
            **trained(result),
            **measured,
        }
        tracker.log_metrics(headline(written), step=result.num_steps)
        drop_stale_sheets(folder, {*recipe.train.sample_epochs, recipe.train.epochs})
        atomic.write_json(folder / "result.json", written)
        tracker.log_artifact(folder, "ablation")
        drop_states(state.folder)
    found = ", ".join(f"{name.removeprefix('ablation/')} {value:.2f}" for name, value in headline(written).items())
    logging.info("%s: %s; %d steps in %.0f s", folder, found, result.num_steps, result.seconds)


def trained(result: "TrainResult") -> dict[str, Any]:
    """How the training went. `seconds` are those of the whole training, however often it was resumed."""
    rows = result.history.rows
    return {
        "steps": result.num_steps,
        "seconds": round(result.seconds, 1),
        "at_epochs": {f"{row['epoch']:.0f}": at_epoch(row) for row in rows if row["epoch"] in AT_EPOCHS},
        "output_scale": [float(f"{row['output_scale']:.4g}") for row in rows if "output_scale" in row],
        "flags": [{"name": flag.name, "level": flag.level, "epoch": flag.epoch} for flag in result.flags],
    }


def headline(written: dict[str, Any]) -> dict[str, float]:
    """The numbers an MLflow run is compared by; top-1 is left out behind a closed gate."""
    numbers = {f"ablation/skill_{name}": skill["value"] for name, skill in written["skill"].items()}
    top1 = written["generated"]["top1"]
    return numbers if top1 is None else {**numbers, "ablation/generated_top1": top1}


def at_epoch(row: "Row") -> dict[str, float]:
    """What an epoch measured; `train_loss` is in the cell's own weighting, the rest compares between cells."""
    return {key: float(f"{value:.5g}") for key, value in row.items() if key not in ("epoch", "learning_rate")}


def drop_states(run: Path) -> None:
    """A finished cell is never resumed; what MLflow has not received yet stays."""
    from t2s.training.state import BEST, STATE_PATTERN

    for path in (*run.glob(STATE_PATTERN), run / BEST):
        path.unlink(missing_ok=True)


def drop_stale_sheets(folder: Path, epochs: set[int]) -> None:
    """Remove the sheets that an earlier budget left."""
    for sheet in folder.glob("epoch-*.png"):
        if int(sheet.stem.removeprefix("epoch-")) not in epochs:
            sheet.unlink()
