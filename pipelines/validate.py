"""Stage validate: data/clips → reports/validation.json and .html; exit code 1 when a rule is broken."""

if __name__ == "__main__":  # before all that takes long to import
    from t2s.script import run_script

    run_script(__file__)

from pathlib import Path

from t2s.data.config import DataConfig
from t2s.data.quality import validate
from t2s.paramsfile import read_section


def main() -> None:
    config = read_section("params.yaml", DataConfig)
    validate(clips=Path("data/clips"), reports=Path("reports"), config=config)
