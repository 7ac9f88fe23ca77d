"""Stage evaluate: does the generator know its noise levels, and does it sign what it is asked?

The checkpoint then becomes a version of the registered model `t2s`, and its champion when it signs well enough.
"""

if __name__ == "__main__":  # before all that takes long to import
    from t2s.script import run_script

    run_script(__file__)

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from t2s.checkpoint import load_checkpoint
from t2s.data.clips import ClipStore
from t2s.evaluation.config import EvaluateConfig
from t2s.evaluation.examination import Subject, examine
from t2s.evaluation.outputs import headline, write_findings
from t2s.evaluation.recogniser import Recogniser
from t2s.evaluation.same_clips import began_elsewhere, require_same_clips
from t2s.evaluation.semantics import Pair, passes_gate
from t2s.paramsfile import read_sections
from t2s.provenance import project_root
from t2s.runtime_config import RuntimeConfig
from t2s.sampling import Text2Sign
from t2s.serving import register
from t2s.signer.lexicon import MINIMAL_PAIRS
from t2s.tracking.tracker import continue_run

CHECKPOINT, RECOGNISER = Path("models/t2s.safetensors"), Path("models/recogniser.safetensors")
REPORTS = Path("reports")


def main(checkpoint: Path | None = None, output_dir: Path = Path("evaluations")) -> None:
    """`checkpoint`: another model than the project's; its findings go to a folder of its name in `output_dir` alone."""
    config, runtime = read_sections("params.yaml", EvaluateConfig, RuntimeConfig)
    path = checkpoint or CHECKPOINT
    model = Text2Sign.from_checkpoint(path, runtime.device)
    store = ClipStore.open("data/clips")
    store.verify()
    saved = load_checkpoint(RECOGNISER, kind="recogniser")
    recogniser = Recogniser.restore(saved.tensors, saved.metadata)
    require_same_clips(RECOGNISER, saved.metadata, store, "recogniser")
    require_same_clips(path, model.metadata, store, "train")
    findings = examine(subject_of(model, config), recogniser, store, pairs_of(store.meta.source), config)
    figures = headline(findings)
    for name, value in figures.items():
        logging.info("%-34s %8.4f", name, value)
    if checkpoint is not None:
        folder = output_dir / f"{path.resolve().parent.name}-{path.stem}"
        write_findings(findings, folder, folder / "generated", model.clip.fps)
        logging.info("written to %s", folder)
        return
    write_findings(findings, REPORTS, Path("data/generated"), model.clip.fps)
    with continue_run(project_root(), runtime.experiment, REPORTS / "run.json") as tracker:
        tracker.log_metrics(figures, step=model.metadata["step"])
        for name in ("evaluation.json", "faithfulness.json"):
            tracker.log_artifact(REPORTS / name, "evaluation")
        for plot in sorted((REPORTS / "plots").glob("*.png")):
            tracker.log_artifact(plot, "evaluation/plots")
    is_faithful = passes_gate(findings.faithfulness, config.champion_min_share)
    is_champion = is_faithful and not began_elsewhere(model.metadata, store)
    if number := register(CHECKPOINT, tracker.run_id, is_champion):
        logging.info("registered as models:/t2s/%d%s", number, ", the champion" if is_champion else "")


def pairs_of(source: Mapping[str, Any]) -> list[Pair]:
    """Signs that differ in one parameter, of the synthetic signer; of real signs nobody has said here which do."""
    if source.get("synthetic") is not True:
        return []
    return [(pair.first, pair.second, pair.parameter) for pair in MINIMAL_PAIRS]


def subject_of(model: Text2Sign, config: EvaluateConfig) -> Subject:
    """A trained model as the plain callables that evaluation examines."""
    return Subject(
        denoise_x0=model.denoise_x0,
        generate=lambda prompts, seeds: model.generate(prompts, seeds, **config.how, batch_size=config.batch_size),
        encode=model.tokenizer.encode,
        schedule=model.schedule,
        device=model.device,
    )
