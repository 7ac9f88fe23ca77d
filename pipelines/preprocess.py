"""Stage preprocess: data/raw → data/clips, with reports/preprocess.json and .md naming every clip left out."""

if __name__ == "__main__":  # before all that takes long to import
    from t2s.script import run_script

    run_script(__file__)

from pathlib import Path

from t2s.data.config import DataConfig, PreprocessConfig
from t2s.data.preprocess import preprocess
from t2s.paramsfile import read_sections
from t2s.provenance import project_root


def main() -> None:
    data, how = read_sections("params.yaml", DataConfig, PreprocessConfig)
    preprocess(
        raw=Path("data/raw"),
        clips=Path("data/clips"),
        reports=Path("reports"),
        state_root=project_root() / "runs",
        data=data,
        how=how,
    )
