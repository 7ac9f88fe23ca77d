""".ci/run on a machine of stand-ins: a missing browser is never a green."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).parents[1] / ".ci" / "run"
BROWSER = ("chromium", "chromedriver")


def run_ci(folder: Path, user: int, there: tuple[str, ...], apt: str | None = None) -> tuple[int, list[str], str]:
    """(exit code, verbs that make was asked for, stderr). `apt`: what apt-get does; None is a machine without it."""
    programs = folder / "bin"
    programs.mkdir()
    for name in ("bash", "dirname", "cp"):
        (programs / name).symlink_to(shutil.which(name) or name)
    scripts = dict.fromkeys(there, "exit 0") | {"id": f"echo {user}", "make": f'echo "$1" >>{folder}/verbs'}
    if apt is not None:
        scripts["apt-get"] = apt
    for name, script in scripts.items():
        (programs / name).write_text(f"#!{programs}/bash\n{script}\n")
        (programs / name).chmod(0o755)
    done = subprocess.run([programs / "bash", RUN], env={"PATH": os.fspath(programs)}, capture_output=True, text=True)
    verbs = folder / "verbs"
    return done.returncode, verbs.read_text().split() if verbs.exists() else [], done.stderr


@pytest.mark.parametrize(
    ("user", "there", "apt"),
    [(1000, (), "exit 0"), (0, (), None), (0, (), "exit 100"), (0, (), "exit 0"), (1000, ("chromium",), None)],
    ids=["not root", "no apt-get", "no network", "nothing came", "no driver"],
)
def test_without_a_browser_it_stops_with_one_line(
    tmp_path: Path, user: int, there: tuple[str, ...], apt: str | None
) -> None:
    code, verbs, said = run_ci(tmp_path, user, there, apt)
    assert (code, verbs) == (1, [])
    assert said.startswith("error: no chromium and chromedriver ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("user", [0, 1000])
def test_with_a_browser_it_runs_every_verb_and_installs_nothing(tmp_path: Path, user: int) -> None:
    code, verbs, said = run_ci(tmp_path, user, BROWSER, f"echo no >{tmp_path}/verbs; exit 1")
    assert (code, verbs, said) == (0, ["install", "check", "test-all"], "")


def test_root_gets_a_browser_where_apt_works(tmp_path: Path) -> None:
    installs = f"for name in {' '.join(BROWSER)}; do cp {tmp_path}/bin/id {tmp_path}/bin/$name; done"
    code, verbs, _ = run_ci(tmp_path, 0, (), installs)
    assert (code, verbs) == (0, ["install", "check", "test-all"])
