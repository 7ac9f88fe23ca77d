"""An inspection as a table a person can read."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from t2s.data.inspect import Inspection
from t2s.data.sources.clip import Issue

_MOST_NAMES = 12
_MOST_EXAMPLES = 3
_LABEL_WIDTH = 16
_MOST_COPIES = 2.5  # of data/clips: itself, bytes for its floats in runs/, a whole copy in .dvc/cache


def format_table(inspection: Inspection) -> str:
    """Several lines: a label, then what was found; problems with their first examples; notes."""
    lines = [f"{label:<{_LABEL_WIDTH}}{text}" for label, text in _facts(inspection)]
    problems = [*inspection.issues, *inspection.refused, *inspection.unreadable, *inspection.past_end]
    if problems:
        lines += ["", "problems", *_problems(problems)]
    if inspection.notes:
        lines += ["", "notes", *(f"  - {_printable(note)}" for note in inspection.notes)]
    return "\n".join(lines) + "\n"


def _facts(inspection: Inspection) -> Iterator[tuple[str, str]]:
    yield "folder", _printable(inspection.root)
    yield "recognised as", f"{inspection.source}: {inspection.layout}"
    yield "sign language", inspection.language
    yield "licence", f"{inspection.licence}: {inspection.licence_summary}"
    if inspection.must_acknowledge:
        yield "to acknowledge", f"read {inspection.licence_url}, then set data.licence_acknowledged: true"
    if inspection.download:
        yield "full download", inspection.download
    yield (
        "clips",
        f"{inspection.listed:,} listed, {inspection.usable:,} usable"
        + (" after filters" if inspection.configured else "")
        + f", as far as captions, times and the first frames of {_probed(inspection)} tell",
    )
    most = inspection.max_quarantine_fraction
    if not inspection.usable:
        yield "left out", "the pipeline will stop: no clip can be used"
    elif most is not None and inspection.left_out_fraction > most:
        at_least = "at least " if inspection.probed_files < inspection.num_files else ""
        found = f"{at_least}{_percent(inspection.left_out_fraction)} > {_percent(most)}"
        yield "left out", f"preprocess will stop: {found} (data.max_quarantine_fraction)"
    yield "splits", _names(inspection.splits) + _apart(inspection.split_key)
    yield f"signs ({len(inspection.signs):,})", _names(inspection.signs) or "none named: sentences"
    for split, signs in inspection.short_of_clips.items():
        count = f"{len(signs):,} sign{'' if len(signs) == 1 else 's'}"
        yield (
            "too few clips",
            f"validate will stop: {count} in {split}, {_first(signs)} (data.checks.min_clips_per_sign)",
        )
    yield f"signers ({len(inspection.signers):,})", _names(inspection.signers) or "none named"
    yield (
        "files",
        (
            f"{inspection.num_files:,}, {_bytes(inspection.file_bytes)}; headers of {inspection.probed_files:,} read, "
            f"{len(inspection.unreadable):,} unreadable"
        ),
    )
    if inspection.picture_sizes:
        yield "pictures", _names(inspection.picture_sizes)
    if inspection.durations:
        lengths = inspection.durations
        yield (
            "durations",
            (
                f"{lengths.shortest_s:.2f} to {lengths.longest_s:.2f} s, median {lengths.median_s:.2f} s "
                f"({lengths.known:,} clips known); about {_hours(lengths.total_s)} in all"
            ),
        )
    if inspection.stored_bytes is not None and inspection.stored_shape is not None:
        shape = "x".join(str(length) for length in inspection.stored_shape)
        clips, at_most = (_bytes(round(copies * inspection.stored_bytes)) for copies in (1, _MOST_COPIES))
        yield (
            "disk needed",
            f"{clips} for {inspection.usable:,} clips of {shape}; {at_most} at most, with what runs/ keeps to go on "
            "from (half as much) and DVC's copy (none where the file system can share blocks)",
        )


def _probed(inspection: Inspection) -> str:
    if inspection.probed_files == inspection.num_files:
        return f"all {inspection.num_files:,} files"
    return f"{inspection.probed_files:,} of {inspection.num_files:,} files"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g} %"


def _apart(split_key: str | None) -> str:
    return {
        None: "; none given: they will be made",
        "signer": "; no signer is in two of them",
        "video": "; no video is in two of them, signers may be",
    }.get(split_key, "; VIDEOS ARE SHARED between them")


def _problems(issues: Sequence[Issue]) -> Iterator[str]:
    ordered = sorted(issues, key=lambda issue: issue.kind)
    for kind, found in groupby(ordered, key=lambda issue: issue.kind):
        group = list(found)
        yield f"  {kind}: {len(group):,}"
        for issue in group[:_MOST_EXAMPLES]:
            where = ", ".join(part for part in (issue.clip_id, issue.path) if part)
            yield f"    {_printable(f'{where}: {issue.message}' if where else issue.message)}"
        if len(group) > _MOST_EXAMPLES:
            yield f"    … {len(group) - _MOST_EXAMPLES:,} more (--json lists them all)"


def _names(counts: Mapping[str, int]) -> str:
    shown = [f"{_printable(name)} {count:,}" for name, count in list(counts.items())[:_MOST_NAMES]]
    more = len(counts) - _MOST_NAMES
    return " · ".join([*shown, f"… {more:,} more"] if more > 0 else shown)


def _first(names: Sequence[str]) -> str:
    shown = ", ".join(_printable(name) for name in names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} …"


def _bytes(count: int) -> str:
    size, units = float(count), iter(("B", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while size >= 1000 and unit != "TB":
        size, unit = size / 1000, next(units)
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def _hours(seconds: float) -> str:
    for unit, length_s in (("h", 3600), ("min", 60)):
        if seconds >= length_s:
            return f"{seconds / length_s:.1f} {unit}"
    return f"{seconds:.1f} s"


def _printable(text: str) -> str:
    """Names come from strangers: control characters must not reach the terminal."""
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
