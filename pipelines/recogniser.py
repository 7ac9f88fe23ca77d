"""Stage recogniser: real train clips → models/recogniser.safetensors, and how well it reads people it has not seen."""

if __name__ == "__main__":  # before all that takes long to import
    from t2s.script import run_script

    run_script(__file__)

import logging
from pathlib import Path

from t2s import atomic
from t2s.checkpoint import save_checkpoint
from t2s.data.clips import ClipStore
from t2s.device import resolve_device
from t2s.evaluation.config import RecogniserConfig
from t2s.evaluation.plots import plot_confusion, plot_note, write_png
from t2s.evaluation.real import RealClips
from t2s.evaluation.recogniser_training import train_recogniser
from t2s.evaluation.semantics import no_recogniser, recogniser_report
from t2s.evaluation.tables import confusion_rows, write_table
from t2s.evaluation.vocabulary import require_held_out
from t2s.paramsfile import read_sections
from t2s.runtime_config import RuntimeConfig

WEIGHTS = Path("models/recogniser.safetensors")
REPORT = Path("reports/recogniser.json")
PLOTS = Path("reports/plots")


def main() -> None:
    config, runtime = read_sections("params.yaml", RecogniserConfig, RuntimeConfig)
    store = ClipStore.open("data/clips")
    store.verify()
    held_out = RealClips.held_out(store)
    require_held_out(held_out)  # now, and not after the training that the evaluation waits for
    train = RealClips.of_split(store, "train").with_signs()
    signs = sorted(set(train.signs))
    of_clips = {"data_digest": store.digest, "learned_digest": store.learned_digest}
    if len(signs) < 2:
        refused = no_recogniser(signs)
        save_checkpoint(WEIGHTS, {}, {"signs": [], **of_clips}, kind="recogniser")
        atomic.write_json(REPORT, {"refused": refused, "signs": []})
        write_table(PLOTS / "confusion_real.csv", [])
        write_png(PLOTS / "confusion_real.png", plot_note(refused))
        logging.warning(refused)
        return
    recogniser = train_recogniser(train, train.signs, config, device=resolve_device(runtime.device))
    metadata = {**recogniser.metadata(), **of_clips}
    save_checkpoint(WEIGHTS, recogniser.network.state_dict(), metadata, kind="recogniser")
    report = recogniser_report(recogniser, held_out)
    atomic.write_json(REPORT, report)
    confusion = report["confusion"]
    write_table(PLOTS / "confusion_real.csv", confusion_rows(confusion or []))
    figure = (
        plot_confusion(confusion, signs, "real held-out clips", "shown", "recognised")
        if confusion
        else plot_note(report["refused"])
    )
    write_png(PLOTS / "confusion_real.png", figure)
    if report["refused"]:
        logging.warning(report["refused"])
    if confusion:
        logging.info("recogniser: %.3f top-1 on %d held-out clips", report["ceiling_top1"], report["num_clips"])
