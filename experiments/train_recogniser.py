"""Stage recogniser: the judge of all cells, trained once on the real train clips → models/recogniser.safetensors."""

if __name__ == "__main__":  # before all that takes long to import
    from t2s.script import run_script

    run_script(__file__)

import logging

from cells import CLIPS, RECOGNISER, ROOT_PARAMS, Plan, data_sections

from t2s.checkpoint import save_checkpoint
from t2s.data.clips import ClipStore
from t2s.evaluation.real import RealClips
from t2s.evaluation.recogniser_training import train_recogniser
from t2s.evaluation.semantics import recogniser_report
from t2s.paramsfile import load_yaml


def main() -> None:
    config = data_sections(load_yaml(ROOT_PARAMS), Plan.load()).recogniser
    store = ClipStore.open(CLIPS)
    train = RealClips.of_split(store, "train")
    recogniser = train_recogniser(train, train.signs, config)
    report = recogniser_report(recogniser, RealClips.held_out(store))
    facts = {key: report[key] for key in ("ceiling_top1", "ceiling_top1_ci", "num_clips", "chance", "refused")}
    metadata = {**recogniser.metadata(), "data_digest": store.digest, "report": facts}
    save_checkpoint(RECOGNISER, recogniser.network.state_dict(), metadata, kind="recogniser")
    if facts["refused"]:
        logging.warning(facts["refused"])
    logging.info("recogniser: %.3f top-1 on %d held-out clips", facts["ceiling_top1"], facts["num_clips"])
