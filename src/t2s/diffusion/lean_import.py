"""diffusers' solvers without what they do not use here: it is a third of the wait for a first clip."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

# diffusers imports both where they are there and does without where they are not: the first to mark its own layers for
# torch.compile, the second for beta-distributed timesteps.
UNUSED = ("torch._dynamo", "scipy")


@contextmanager
def hidden(*names: str) -> Iterator[None]:
    """Modules not yet imported pass for not installed: None in sys.modules (Python reference 5.3.1) refuses an import.

    For programs of one thread: another one that imports them meanwhile is refused as well.
    """
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # typeshed knows no None there
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def import_solvers() -> None:
    """Import the default samplers' module of diffusers; who imports it later finds it there."""
    with hidden(*UNUSED):
        import diffusers.schedulers.scheduling_dpmsolver_multistep  # noqa: F401
