"""The rules clips must keep, as a Great Expectations suite. Only the validate stage imports this: GX takes seconds.

`between` lets NaN and empty tables pass, so every range stands beside a not-null, and every table beside a row count.
"""

import logging
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from t2s.data.clips import DTYPE, ClipsMeta
from t2s.data.manifest import SPLITS
from t2s.data.measures import Row

os.environ["GX_ANALYTICS_ENABLED"] = "false"
os.environ["DO_NOT_TRACK"] = "1"
logging.getLogger("great_expectations").setLevel(logging.WARNING)

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # GX imports a deprecated module of Python's own
    import great_expectations as gx
    import great_expectations.expectations as gxe

logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)  # it chose INFO for itself

Severity = Literal["critical", "warning"]

LEAST_DEVIATION = 1 / 255  # a clip that varies by less than half a grey level shows nothing


@dataclass(frozen=True)
class Rule:
    """One expectation: `title` says it in words, `kind` is GX's class, `options` its arguments."""

    title: str
    kind: str
    options: dict[str, Any]
    severity: Severity = "critical"


@dataclass(frozen=True)
class Check:
    """How a rule fared: the ids of the rows that break it, or what was observed of the whole table."""

    title: str
    expectation: str
    column: str | None
    severity: Severity
    success: bool
    failing: tuple[str, ...]
    observed: str | None


def clip_rules(meta: ClipsMeta, max_caption_length: int, outlier_deviations: float) -> list[Rule]:
    """What every clip must keep; outliers and, where splits are not by signer, shared signers only warn."""
    by_signer: Severity = "critical" if meta.source.get("split_key", "signer") == "signer" else "warning"
    shape = "x".join(map(str, meta.clip_shape))
    captions = {"min_value": 1, "max_value": max_caption_length}
    return [
        Rule("the index has a row for every clip", "ExpectTableRowCountToEqual", {"value": meta.num_clips}),
        Rule("there is at least one clip", "ExpectTableRowCountToBeBetween", {"min_value": 1}),
        _not_null("every clip has an id", "clip_id"),
        Rule("clip ids are unique", "ExpectColumnValuesToBeUnique", {"column": "clip_id"}),
        _not_null("every clip has a caption", "text"),
        Rule("captions are not too long", "ExpectColumnValueLengthsToBeBetween", {"column": "text", **captions}),
        Rule(
            "captions hold text and no NUL",
            "ExpectColumnValuesToNotMatchRegex",
            {"column": "text", "regex": r"^\s*$|\x00"},
        ),
        _not_null("every clip has a split", "split"),
        Rule("splits are train, val or test", "ExpectColumnValuesToBeInSet", {"column": "split", "value_set": SPLITS}),
        _between("no signer is in two splits", "splits_of_signer", by_signer, max_value=1),
        _between("no two splits hold the same pixels", "splits_of_pixels", severity="warning", max_value=1),
        _between("no two signs have the same pixels", "signs_of_pixels", severity="warning", max_value=1),
        Rule(
            "bytes match their digest", "ExpectColumnValuesToBeInSet", {"column": "digest_matches", "value_set": [True]}
        ),
        _not_null("every clip can be read", "shape"),
        Rule(f"clips are {shape}", "ExpectColumnValuesToBeInSet", {"column": "shape", "value_set": [shape]}),
        Rule(f"clips are {DTYPE.name}", "ExpectColumnValuesToBeInSet", {"column": "dtype", "value_set": [DTYPE.name]}),
        _not_null("every frame rate is known", "fps"),
        _between("frame rates are positive", "fps", min_value=0, strict_min=True),
        _not_null("no pixel is NaN (least value)", "minimum"),
        _between("no pixel lies below -1", "minimum", min_value=-1),
        _not_null("no pixel is NaN (greatest value)", "maximum"),
        _between("no pixel lies above 1", "maximum", max_value=1),
        _not_null("finite pixels were counted", "nonfinite"),
        _between("all pixels are finite", "nonfinite", max_value=0),
        _not_null("pixels vary by a number", "deviation"),
        _between("no clip is constant", "deviation", min_value=LEAST_DEVIATION),
        _between("brightness is usual", "brightness_deviations", severity="warning", max_value=outlier_deviations),
        _between("motion is usual", "motion_deviations", severity="warning", max_value=outlier_deviations),
    ]


def count_rules(what: str, num_rows: int, key: str) -> list[Rule]:
    """What a table of counts per split, or per sign and split, must keep; `key` of params.yaml asks for it.

    num_rows: how many there should be, counted elsewhere than in the table.
    """
    return [
        Rule(f"every {what} was counted", "ExpectTableRowCountToEqual", {"value": num_rows}),
        _between(f"every {what} has the clips that {key} asks for", "lacking", max_value=0),
    ]


def run_rules(rows: Sequence[Row], rules: Sequence[Rule], id_column: str) -> list[Check]:
    """Check a table; results in the order of the rules, failing rows in the order of the table."""
    columns = list(rows[0]) if rows else sorted({id_column, *(rule.options.get("column", id_column) for rule in rules)})
    table = pd.DataFrame(rows, columns=columns)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    batch = (
        context.data_sources.add_pandas("clips")
        .add_dataframe_asset("clips")
        .add_batch_definition_whole_dataframe("all")
    )
    expectations = [
        getattr(gxe, rule.kind)(**rule.options, severity=rule.severity, meta={"position": position})
        for position, rule in enumerate(rules)
    ]
    outcome = batch.get_batch(batch_parameters={"dataframe": table}).validate(
        gx.ExpectationSuite(name="clips", expectations=expectations),
        result_format={"result_format": "COMPLETE", "unexpected_index_column_names": [id_column]},
    )
    results = {result.expectation_config.meta["position"]: result for result in outcome.results}
    return [_check(rule, results[position], id_column) for position, rule in enumerate(rules)]


def _check(rule: Rule, result: Any, id_column: str) -> Check:
    failing = [str(row[id_column]) for row in result.result.get("unexpected_index_list") or []]
    observed = result.result.get("observed_value")
    if result.exception_info.get("raised_exception"):
        observed = str(result.exception_info.get("exception_message"))
    return Check(
        title=rule.title,
        expectation=result.expectation_config.type,
        column=rule.options.get("column"),
        severity=rule.severity,
        success=bool(result.success),
        failing=tuple(failing),
        observed=None if observed is None else str(observed),
    )


def _not_null(title: str, column: str) -> Rule:
    return Rule(title, "ExpectColumnValuesToNotBeNull", {"column": column})


def _between(title: str, column: str, severity: Severity = "critical", **limits: float | bool) -> Rule:
    return Rule(title, "ExpectColumnValuesToBeBetween", {"column": column, **limits}, severity)
