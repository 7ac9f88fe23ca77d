"""Names and params as MLflow takes them."""

import posixpath
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from t2s.tracking.naming import flat_params, safe_name


def test_ordinary_names_stay() -> None:
    for name in ("loss", "val/skill.t00-09", "recogniser: top-1", "größe"):
        assert safe_name(name) == name


def test_what_mlflow_refuses_is_replaced() -> None:
    assert safe_name("acc=[thank you?]") == "acc__thank you__"
    assert safe_name("/etc/../loss") == "loss"
    assert safe_name("..") == "_"
    assert safe_name("a/./b//c") == "a/b/c"


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1))
def test_every_name_becomes_one_that_mlflow_accepts(name: str) -> None:
    safe = safe_name(name)
    assert re.fullmatch(r"[/\w.\- :]+", safe)
    assert posixpath.normpath(safe) == safe
    assert not safe.startswith(("/", ".."))
    assert safe != "."
    assert len(safe) <= 250
    assert safe_name(safe) == safe


def test_params_are_flat_text() -> None:
    params = {"model": {"depth": 4, "patch": [4, 8], "residual": "blend"}, "root": None, "flag": False}
    assert flat_params(params) == {
        "model.depth": "4",
        "model.patch": "[4, 8]",
        "model.residual": "blend",
        "root": "null",
        "flag": "false",
    }
    assert len(flat_params({"vocabulary": "x" * 10_000})["vocabulary"]) == 6000
