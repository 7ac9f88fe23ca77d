"""What a training that compiles asks of the machine."""

from pathlib import Path

import pytest
import torch
from torch import nn

from t2s.errors import UserError
from t2s.training import compilation
from t2s.training.compilation import COMPILERS, compiled, find_compiler


@pytest.mark.parametrize("kind", sorted(COMPILERS))
def test_without_a_compiler_it_ends_in_one_line(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for variable, _ in COMPILERS.values():
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(UserError, match=r"train\.compile needs a compiler on this machine .*: false"):
        compiled(nn.Linear(2, 2), torch.device(kind), thin_frames=1)


@pytest.mark.parametrize("kind", sorted(COMPILERS))
def test_the_compiler_of_the_environment_is_heeded(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own"
    own.touch(mode=0o755)
    monkeypatch.setenv(COMPILERS[kind][0], str(own))
    assert find_compiler(torch.device(kind)) == str(own)


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
def test_every_start_of_thinned_frames_may_have_its_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "find_compiler", lambda device: "g++")  # nothing is built before the first call
    limit = torch._dynamo.config.recompile_limit
    try:
        compiled(nn.Linear(2, 2), torch.device("cpu"), thin_frames=16)
        assert torch._dynamo.config.recompile_limit >= 17  # and one for coarse steps
    finally:
        torch._dynamo.config.recompile_limit = limit
