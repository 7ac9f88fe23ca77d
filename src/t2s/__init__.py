"""t2s: text to short sign-language clips. `from t2s import Text2Sign` is the Python API; the CLI is `t2s --help`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from t2s.sampling import Text2Sign

__all__ = ["Text2Sign"]


def __getattr__(name: str) -> Any:
    """Import the heavy half (torch) only when it is asked for, so that `t2s --help` stays instant."""
    if name == "Text2Sign":
        from t2s.sampling import Text2Sign

        return Text2Sign
    raise AttributeError(f"module 't2s' has no attribute '{name}'")
