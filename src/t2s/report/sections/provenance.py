"""Which code, parameters and run the figures belong to."""

from collections.abc import Mapping

import yaml

from t2s.report.blocks import Block, Facts, Section, Text, missing
from t2s.report.inputs import CHECKPOINT, Inputs
from t2s.report.wording import DASH, count


def provenance(inputs: Inputs) -> Section:
    """Fingerprint, revision, MLflow run, versions; every parameter that decided the weights."""
    checkpoint, run = inputs.checkpoint, inputs.run
    run_id = run.text("run_id") or checkpoint.text("mlflow_run_id")
    facts = [
        ("Checkpoint", str(CHECKPOINT)),
        ("Fingerprint", checkpoint.text("fingerprint") or run.text("fingerprint") or DASH),
        ("Weights digest", (checkpoint.text("digest") or DASH)[:16]),
        ("Data digest", (checkpoint.text("data_digest") or DASH)[:16]),
        ("Git revision", checkpoint.text("git_revision") or DASH),
        ("Software", f"t2s {checkpoint.text('software_version') or DASH}"),
        ("MLflow run", run_id or DASH),
        ("Find the run", f"t2s info {CHECKPOINT}"),
        ("Weights", count(inputs.num_parameters)),
        ("Steps", count(checkpoint.number("step"))),
        ("Licence of the training data", checkpoint.text("licence") or DASH),
        ("Known prompts", ", ".join(checkpoint.texts("prompts")) or DASH),
    ]
    blocks: list[Block] = [Facts(facts)] if checkpoint.problem is None else [missing(checkpoint.problem)]
    params = checkpoint.find("params")
    if isinstance(params, Mapping):
        blocks.append(Text("Every parameter that decided the weights", yaml.safe_dump(dict(params), sort_keys=False)))
    return Section("provenance", "Provenance", "What it takes to make this again, and where its run is kept.", blocks)
