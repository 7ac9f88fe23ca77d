"""Run the benchmarks one after the other and write their figures into docs/performance.md.

python benchmarks/run_all.py                          # all: two hours on 2 cores; leave the machine alone meanwhile
python benchmarks/run_all.py --only command_line      # one; again for more
python benchmarks/run_all.py --quick                  # do they all run? writes nothing
python benchmarks/run_all.py --render                 # only write the page, from the results that are there
"""

import subprocess
import sys

import torch
from results import BENCHMARKS, RESULTS, make_parser, refreshed
from workload import REPOSITORY

from t2s import atomic

PAGE = REPOSITORY / "docs" / "performance.md"


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--only", choices=[benchmark.name for benchmark in BENCHMARKS], action="append")
    parser.add_argument("--render", action="store_true", help="run nothing, write the page from what is recorded")
    arguments = parser.parse_args()
    failed = []
    for benchmark in BENCHMARKS:
        if arguments.render or benchmark.name not in (arguments.only or [benchmark.name]):
            continue
        if benchmark.needs_gpu and not torch.cuda.is_available():
            print(f"{benchmark.name}: skipped, it needs a CUDA GPU", file=sys.stderr)
            continue
        print(f"{benchmark.name}: {benchmark.command}", file=sys.stderr)
        script = str(REPOSITORY / "benchmarks" / benchmark.script)
        command = [sys.executable, script, *benchmark.arguments, *(["--quick"] if arguments.quick else [])]
        if subprocess.run(command, cwd=REPOSITORY, check=False).returncode:
            failed.append(benchmark.name)
    if not arguments.quick:
        atomic.write_text(PAGE, refreshed(PAGE.read_text("utf-8"), RESULTS))
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
