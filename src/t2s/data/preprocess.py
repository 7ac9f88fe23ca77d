"""data/raw → data/clips: decode every row of the manifest, quarantine what cannot be used, write shards in order."""

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from t2s.data.clips import CHANNELS
from t2s.data.config import DataConfig, PreprocessConfig
from t2s.data.dask_engine import run_on_dask
from t2s.data.decode_task import Outcome, settings_key
from t2s.data.finished import FinishedClips
from t2s.data.local_engine import run_locally
from t2s.data.manifest import ManifestRow, read_manifest
from t2s.data.quarantine import Acquired, LeftOut, check_fraction, write_reports
from t2s.data.shards import ShardWriter
from t2s.errors import UserError
from t2s.progress import track

_log = logging.getLogger("preprocess")


def preprocess(
    raw: Path, clips: Path, reports: Path, state_root: Path, data: DataConfig, how: PreprocessConfig
) -> None:
    """Turn the manifest in `raw` into the shards in `clips`; the same bits whatever `how` says.

    Finished clips wait in `state_root/preprocess-<key>/`: after a kill, the same call goes on with the rest.

    Raises:
        UserError: no manifest, no media folder, too many clips quarantined or not read, a full disk, or a second run
            beside this.
    """
    rows = read_manifest(raw / "manifest.csv")
    if not rows:
        raise UserError(f"{raw / 'manifest.csv'}: holds no clips; check data.root and data.signs")
    source = _read_source(raw / "source.json")
    root = (raw / str(source["media_root"])).resolve()
    if not root.is_dir():
        raise UserError(f"{root}: no such folder, though {raw / 'source.json'} names it as media_root")
    acquired = Acquired.read(raw / "source_report.json")
    acquired.check(data.max_quarantine_fraction)
    shape = (data.num_frames, data.image_size, data.image_size, CHANNELS)
    with FinishedClips(state_root / f"preprocess-{settings_key(data)}", shape) as finished:
        keys, quarantined = _decode_all(rows, root, data, how, finished)
        write_reports(reports, len(keys), quarantined, acquired.besides(quarantined))
        check_fraction(
            len(quarantined),
            len(rows),
            acquired.faulty_here,
            data.max_quarantine_fraction,
            reports / "preprocess.md",
        )
        _write_shards(clips, rows, keys, finished, data, source)
    _log.info("%d clips in %s, %d quarantined (%s)", len(keys), clips, len(quarantined), reports / "preprocess.md")


def _decode_all(
    rows: list[ManifestRow], root: Path, data: DataConfig, how: PreprocessConfig, finished: FinishedClips
) -> tuple[dict[str, str], list[LeftOut]]:
    """Key by clip_id of the clips that can be used, all of them in `finished` then, and the others."""
    keys: dict[str, str] = {}
    quarantined: list[LeftOut] = []
    num_reused = 0
    outcomes = _outcomes(rows, root, data, how, finished.keys())
    for row, outcome in zip(rows, track(outcomes, "preprocess", total=len(rows)), strict=True):
        if outcome.error is not None:
            quarantined.append(LeftOut.from_error(row, outcome.error))
            continue
        if outcome.clip is not None:
            finished.put(outcome.key, outcome.clip)
        else:
            num_reused += 1
        keys[row.clip_id] = outcome.key
    if num_reused:
        _log.info("%d of %d clips were finished before", num_reused, len(rows))
    return keys, quarantined


def _outcomes(
    rows: list[ManifestRow], root: Path, data: DataConfig, how: PreprocessConfig, finished: frozenset[str]
) -> Iterator[Outcome]:
    if how.engine == "dask":
        assert how.dask_scheduler is not None
        return run_on_dask(rows, root, data, finished, how.dask_scheduler)
    return run_locally(rows, root, data, finished, how.workers)


def _write_shards(
    folder: Path,
    rows: list[ManifestRow],
    keys: Mapping[str, str],
    finished: FinishedClips,
    data: DataConfig,
    source: Mapping[str, Any],
) -> None:
    usable = [row for row in rows if row.clip_id in keys]
    with ShardWriter(
        folder,
        num_frames=data.num_frames,
        image_size=data.image_size,
        clips_per_shard=data.clips_per_shard,
        source=source,
    ) as writer:
        for row in track(usable, "write shards"):
            clip = finished.get(keys[row.clip_id])
            writer.add(
                clip.pixels,
                clip_id=row.clip_id,
                text=row.text,
                sign=row.sign,
                signer=row.signer,
                split=row.split,
                fps=clip.fps,
                source_frames=clip.source_frames,
                licence=row.licence,
            )


def _read_source(path: Path) -> dict[str, Any]:
    try:
        source = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run the acquire stage first") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None
    if not isinstance(source, dict) or "media_root" not in source:
        raise UserError(f"{path}: has no media_root; run the acquire stage again")
    return source
