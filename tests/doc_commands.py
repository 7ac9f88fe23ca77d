"""The commands that README and docs show, for the tests that parse them and those that type them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGE_IDS = [path.relative_to(ROOT).as_posix() for path in PAGES]
PROGRAMS = ("t2s", "dvc", "make", "python", "mlflow", "pytest", "torchrun", "accelerate", "dask")


def commands(page: Path) -> Iterator[tuple[list[str], bool]]:
    """The words of every command of ours on a page, and whether it stands in prose, where `t2s info` is but a name."""
    text = page.read_text("utf-8")
    fenced = re.findall(r"^```(?:bash|sh|console)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in fenced for line in block.replace("\\\n", " ").splitlines()]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines += re.findall(r"^ {4}(\S.*)$", prose, re.MULTILINE)
    inline = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose)]
    for line, is_inline in [*((line, False) for line in lines), *((line, True) for line in inline)]:
        words = split(line)
        if words and words[0] in PROGRAMS and len(words) > 1 and not re.search(r"…|\bX\.py", line):
            yield words, is_inline


def split(line: str) -> list[str]:
    """Shell words without comments, substitutions and leading assignments; [] for what is no shell."""
    try:
        words = shlex.split(re.sub(r"\$\(.*\)", "", line), comments=True)
    except ValueError:
        return []
    while words and re.fullmatch(r"[A-Z_0-9]+=.*", words[0]):
        words.pop(0)
    return words


def typed(page: str, heading: str) -> Iterator[list[str]]:
    """The words of each line of the bash blocks under a heading, as they stand, without its comment."""
    section = (ROOT / page).read_text("utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    for block in re.findall(r"^```bash\n(.*?)^```", section, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if words := shlex.split(line, comments=True):
                yield words
