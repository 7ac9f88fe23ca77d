"""The benchmarks are scripts that import each other by name: make their folder importable here too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
