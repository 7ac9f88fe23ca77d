"""Stage acquire: a manifest of clips in data/raw, from the synthetic signer or a real data set."""

if __name__ == "__main__":  # before all that takes long to import
    from t2s.script import run_script

    run_script(__file__)

import logging
from pathlib import Path

from t2s.cores import usable_cores
from t2s.data.config import DataConfig, PreprocessConfig
from t2s.paramsfile import read_sections
from t2s.signer.config import SignerConfig
from t2s.signer.dataset import render_dataset

RAW = Path("data/raw")


def main() -> None:
    data, signer, how = read_sections("params.yaml", DataConfig, SignerConfig, PreprocessConfig)
    if data.is_synthetic:
        num_workers = how.workers or usable_cores()
        num_clips = render_dataset(signer, RAW, num_workers, data.signs)
        logging.getLogger("acquire").info("rendered %d clips of the synthetic signer into %s", num_clips, RAW)
        return
    from t2s.data.sources.acquire import acquire_source

    acquire_source(data, RAW)
