"""How sure a figure is, and what its bounds are."""

from t2s.report.documents import Document
from t2s.report.wording import decimal_interval


def decimal_spread(measured: Document, key: str) -> str:
    """The 95% interval of a figure, `key`_ci; or `key`_range, where 95% of the random halves of the clips lie."""
    span = measured.interval(f"{key}_range")
    if span and measured.interval(f"{key}_ci") is None:
        return f"{decimal_interval(span)} over random halves"
    return decimal_interval(measured.interval(f"{key}_ci"))
