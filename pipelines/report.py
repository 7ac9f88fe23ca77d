"""Stage report: all that the other stages found → reports/index.html and reports/model_card.md."""

if __name__ == "__main__":  # before all that takes long to import
    from t2s.script import run_script

    run_script(__file__)

import logging
from pathlib import Path

from t2s import atomic
from t2s.paramsfile import read_section
from t2s.provenance import project_root
from t2s.report.inputs import read_inputs
from t2s.report.model_card import render_model_card
from t2s.report.page import render_page
from t2s.runtime_config import RuntimeConfig
from t2s.tracking.tracker import continue_run

PAGE = Path("reports/index.html")
CARD = Path("reports/model_card.md")


def main() -> None:
    runtime = read_section("params.yaml", RuntimeConfig)
    inputs = read_inputs(Path())
    atomic.write_text(PAGE, render_page(inputs))
    atomic.write_text(CARD, render_model_card(inputs))
    with continue_run(project_root(), runtime.experiment, Path("reports/run.json")) as tracker:
        for path in (PAGE, CARD):
            tracker.log_artifact(path, "report")
    logging.getLogger("report").info("open %s in a browser", PAGE)
