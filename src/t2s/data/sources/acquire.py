"""data/raw of a real data set: the manifest, where its media lie, and what could not be used. Media stay in place."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from t2s import atomic
from t2s.data.config import DataConfig
from t2s.data.manifest import ManifestRow, write_manifest
from t2s.data.sources.clip import SourceReport
from t2s.data.sources.media import media_state
from t2s.data.sources.read import read_source

MANIFEST_NAME = "manifest.csv"
SOURCE_NAME = "source.json"
REPORT_NAME = "source_report.json"
MEDIA_NAME = "media.json"


def acquire_source(config: DataConfig, folder: Path) -> None:
    """Read the data set at data.root and write `folder`; see `read_source` for the UserErrors."""
    rows, source_info, report = read_source(config)
    write_acquired(folder, rows, source_info, report)
    # DVC looks at data/raw, not at the media: this file differs once one of them was replaced.
    atomic.write_json(folder / MEDIA_NAME, media_state(Path(source_info["media_root"]), (row.path for row in rows)))


def write_acquired(
    folder: Path, rows: Sequence[ManifestRow], source_info: dict[str, Any], report: SourceReport
) -> None:
    """Write manifest.csv, source.json and source_report.json durably."""
    write_manifest(folder / MANIFEST_NAME, rows)
    atomic.write_json(folder / SOURCE_NAME, source_info)
    atomic.write_json(folder / REPORT_NAME, report.as_dict())
