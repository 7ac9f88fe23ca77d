"""The benchmarks are scripts that import each other by name: make their folder importable here too."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))  # behind experiments/, which has a run_all.py too
