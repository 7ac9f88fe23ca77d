"""Stage config: check all of params.yaml before anything costs time; its constant out re-runs nothing."""

if __name__ == "__main__":  # before all that takes long to import
    from t2s.script import run_script

    run_script(__file__)

import logging
from pathlib import Path

from t2s import atomic
from t2s.settings import Settings


def main() -> None:
    for warning in Settings.load("params.yaml").warnings:
        logging.getLogger("config").warning("warning: %s", warning)
    atomic.write_text(Path("reports/config.ok"), "params.yaml is valid\n")
