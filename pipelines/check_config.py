"""Stage config: check all of params.yaml before anything costs time; its constant out re-runs nothing."""

import logging
from pathlib import Path

from t2s import atomic
from t2s.settings import Settings
from t2s.stage import run_stage


def main() -> None:
    for warning in Settings.load("params.yaml").warnings:
        logging.getLogger("config").warning("warning: %s", warning)
    atomic.write_text(Path("reports/config.ok"), "params.yaml is valid\n")


if __name__ == "__main__":
    run_stage(main)
