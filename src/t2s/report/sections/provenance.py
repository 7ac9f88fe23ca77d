"""Which code, parameters and run the figures belong to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from t2s.report.blocks import Block, Facts, Section, Text, missing
from t2s.report.inputs import CHECKPOINT, Inputs
from t2s.report.wording import DASH, count, listed


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
        ("Known prompts", listed(checkpoint.texts("prompts")) or DASH),
    ]
    blocks: list[Block] = [Facts(facts)] if checkpoint.problem is None else [missing(checkpoint.problem)]
    params = checkpoint.find("params")
    if isinstance(params, Mapping):
        blocks.append(Text("Every parameter that decided the weights", yaml.safe_dump(dict(params), sort_keys=False)))
    if made_with := _data_params(inputs):
        blocks.append(Text("What params.yaml says of the data", yaml.safe_dump(made_with, sort_keys=False)))
    return Section("provenance", "Provenance", "What is needed to reproduce this run, and where it is stored.", blocks)


def _data_params(inputs: Inputs) -> dict[str, Any]:
    """The `data` section, and `signer` where it drew the clips; of data.root, a place on one machine, the last name."""
    found: dict[str, Any] = {}
    if isinstance(data := inputs.params.find("data"), Mapping):
        root = data.get("root")
        found["data"] = {**data, "root": Path(root).name} if isinstance(root, str) else dict(data)
    drawn = inputs.store is not None and inputs.store.meta.source.get("synthetic") is True
    if drawn and isinstance(signer := inputs.params.find("signer"), Mapping):
        found["signer"] = dict(signer)
    return found
