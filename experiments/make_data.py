"""Stage data: the synthetic signer, small, for all cells → data/clips."""

if __name__ == "__main__":  # before all that takes long to import
    from t2s.script import run_script

    run_script(__file__)

import logging
from pathlib import Path

from cells import CLIPS, ROOT_PARAMS, Plan, data_sections

from t2s.cores import usable_cores
from t2s.data.config import PreprocessConfig
from t2s.data.preprocess import preprocess
from t2s.paramsfile import load_yaml, read_section
from t2s.provenance import project_root
from t2s.signer.dataset import render_dataset

RAW = Path("data/raw")


def main() -> None:
    sections = data_sections(load_yaml(ROOT_PARAMS), Plan.load())
    how = read_section(ROOT_PARAMS, PreprocessConfig)
    num_clips = render_dataset(sections.signer, RAW, how.workers or usable_cores(), sections.data.signs)
    logging.info("rendered %d clips of the synthetic signer into %s", num_clips, RAW)
    preprocess(
        raw=RAW, clips=CLIPS, reports=Path("data"), state_root=project_root() / "runs", data=sections.data, how=how
    )
