"""Stage validate: data/clips → reports/validation.json and .html; exit code 1 when a rule is broken."""

from pathlib import Path

from t2s.data.config import DataConfig
from t2s.data.quality import validate
from t2s.paramsfile import read_section
from t2s.stage import run_stage


def main() -> None:
    config = read_section("params.yaml", DataConfig)
    validate(clips=Path("data/clips"), reports=Path("reports"), config=config)


if __name__ == "__main__":
    run_stage(main)
