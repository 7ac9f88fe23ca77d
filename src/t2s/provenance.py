"""Where a run comes from: the project's root, git revision, software version, DVC experiment."""

import os
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

UNKNOWN = "unknown"


def project_root() -> Path:
    """The main checkout: $DVC_ROOT inside a DVC stage (whose folder may be a temporary copy), else here."""
    return Path(os.environ.get("DVC_ROOT") or Path.cwd()).resolve()


def software_version() -> str:
    """The installed version of t2s, or "unknown" for a bare source tree."""
    try:
        return metadata.version("t2s")
    except metadata.PackageNotFoundError:
        return UNKNOWN


def git_revision() -> str:
    """The commit of the current folder, with "-dirty" when a tracked file differs from it; or "unknown"."""
    revision = _git("rev-parse", "HEAD")
    if revision is None:
        return UNKNOWN
    return f"{revision}-dirty" if _git("status", "--porcelain", "--untracked-files=no") else revision


def run_name() -> str:
    """The DVC experiment's name, or "workspace" outside of one."""
    return os.environ.get("DVC_EXP_NAME") or "workspace"


def run_tags(fingerprint: str) -> dict[str, str]:
    """What a tracked run is tagged with, so that it can be traced back to code and experiment."""
    return {
        "t2s.fingerprint": fingerprint,
        "git.revision": git_revision(),
        "dvc.experiment": run_name(),
        "dvc.baseline_revision": os.environ.get("DVC_EXP_BASELINE_REV") or UNKNOWN,
    }


def learned_digests(metadata: Mapping[str, Any]) -> list[str | None]:
    """Of the clips that each training behind a checkpoint's weights read, the last first; None: not noted.

    There are several where a training began with the weights of another (`train.init`).
    """
    before = metadata.get("init")
    return [metadata.get("learned_digest"), *(learned_digests(before) if isinstance(before, Mapping) else [])]


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
