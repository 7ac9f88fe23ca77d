"""How long a person waits for `t2s --help`, for `dvc repro` with nothing to do, and for validate.

    python benchmarks/command_line.py

The last two need a project whose pipeline has been run (`dvc repro`); without one they are left out, by name. Nothing
of the project is changed: `dvc repro` runs only after `dvc status` found it up to date, and validate writes elsewhere.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import median_s
from results import finding, make_parser, record
from workload import REPOSITORY

BIN = Path(sys.executable).parent
VALIDATE = """
import sys
from pathlib import Path
from t2s.data.config import DataConfig
from t2s.data.quality import validate
from t2s.paramsfile import read_section
validate(Path("data/clips"), Path(sys.argv[1]), read_section("params.yaml", DataConfig))
"""


def is_up_to_date(root: Path) -> bool:
    """Whether the pipeline has been run here and nothing has changed since."""
    if not (root / "dvc.lock").is_file():
        return False
    status = subprocess.run(
        [BIN / "dvc", "status", "--json", "dvc.yaml"], cwd=root, capture_output=True, text=True, check=False
    )
    return status.returncode == 0 and json.loads(status.stdout) == {}


def wall_s(command: list[object], root: Path, repeats: int) -> float:
    """Median wall time of a command that must succeed."""
    return median_s(
        lambda: subprocess.run([str(part) for part in command], cwd=root, check=True, capture_output=True), repeats, 60
    )


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--root", type=Path, default=REPOSITORY, help="project whose pipeline has been run")
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    repeats, root = 1 if arguments.quick else arguments.repeats, arguments.root
    findings = [finding("`t2s --help`, s", wall_s([BIN / "t2s", "--help"], root, repeats), at_most=0.2)]
    notes = []
    if is_up_to_date(root):
        idle = wall_s([BIN / "dvc", "repro", "--quiet"], root, repeats)
        findings.append(finding("`dvc repro` with nothing to do, s", idle, at_most=1.5))
    else:
        notes.append("`dvc repro` with nothing to do: left out, the pipeline here is not up to date.")
    if (root / "data" / "clips" / "index.jsonl").is_file():
        num_clips = len((root / "data" / "clips" / "index.jsonl").read_bytes().splitlines())
        with tempfile.TemporaryDirectory(prefix="t2s-validate-") as reports:
            seconds = wall_s([sys.executable, "-c", VALIDATE, reports], root, min(repeats, 3))
        findings.append(finding(f"validate, {num_clips:,} clips, s", seconds))
    else:
        notes.append("validate: left out, there are no data/clips here.")
    for note in notes:
        print(note, file=sys.stderr)
    record("command_line", {"findings": findings, "notes": notes}, arguments.quick)


if __name__ == "__main__":
    main()
