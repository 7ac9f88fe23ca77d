"""What the model was trained on, what was checked about it, and what was left out."""

from collections import Counter

from t2s.data.manifest import SPLITS
from t2s.report.blocks import Block, Facts, Note, Section, Table, missing
from t2s.report.documents import Document
from t2s.report.inputs import CLIPS, Inputs
from t2s.report.wording import DASH, count, decimal, joined

MAX_ROWS = 100


def data(inputs: Inputs) -> Section:
    """Source and licence, splits, checks, quarantine."""
    blocks: list[Block] = [*_source(inputs), *_checks(inputs.validation), *_quarantine(inputs.preprocess)]
    return Section("data", "Data", "Where the clips come from, how they are split, and what was checked.", blocks)


def _source(inputs: Inputs) -> list[Block]:
    store = inputs.store
    if store is None:
        return [missing(f"{CLIPS} is not there; the preprocess stage writes it.")]
    meta, source = store.meta, Document(dict(store.meta.source))
    facts = [
        ("Source", source.text("source") or DASH),
        ("Licence", source.text("licence") or DASH),
        ("Language", source.text("language") or DASH),
        ("Clips", f"{meta.num_clips:,} of {meta.num_frames} frames, {meta.image_size} × {meta.image_size} pixels"),
        ("Splits are disjoint by", source.text("split_key") or DASH),
        ("Digest", meta.digest[:16]),
        ("Note", joined(meta.source.get("notes")) or DASH),
    ]
    rows = []
    for split in SPLITS:
        records = [store.records[i] for i in store.indices(split)]
        if records:
            per_sign = Counter(record.sign or record.text for record in records)
            signers = {record.signer for record in records if record.signer}
            fewest = f"{min(per_sign.values())}–{max(per_sign.values())}"
            rows.append((split, f"{len(records):,}", f"{len(per_sign):,}", f"{len(signers):,}", fewest))
    header = ("split", "clips", "signs or texts", "signers", "clips per sign")
    return [Facts(facts), Table("Splits", header, rows, frozenset({1, 2, 3, 4}))]


def _checks(validation: Document) -> list[Block]:
    if validation.problem:
        return [missing(validation.problem)]
    checks = validation.rows("checks")
    rows, failed, warned = [], 0, 0
    for check in checks:
        passed = check.find("success") is True
        warning = check.text("severity") == "warning"
        failed += not passed and not warning
        warned += not passed and warning
        failing = check.texts("failing")
        named = ", ".join(failing[:5]) + (" …" if len(failing) > 5 else "")
        name = check.text("title") or check.text("expectation") or DASH
        verdict = "passed" if passed else "warning" if warning else "failed"
        rows.append((name, check.text("column") or "", verdict, _observed(check), named))
    header = ("check", "column", "verdict", "observed", "clips")
    table = Table(f"Data checks ({len(rows)})", header, rows, folded=True)
    return [_verdict(validation, failed, warned, len(checks)), *([table] if rows else [])]


def _verdict(validation: Document, failed: int, warned: int, total: int) -> Note:
    advice = "see reports/validation.html"
    if failed or validation.find("success") is False:
        return Note("red", f"{failed} of {total} data checks failed.", advice)
    if warned:
        return Note("notice", f"All required data checks passed, {warned} gave a warning.", advice)
    if validation.find("success") is True:
        return Note("good", f"All {total} data checks passed." if total else "All data checks passed.")
    return missing("reports/validation.json does not say whether the checks passed.")


def _observed(check: Document) -> str:
    value = check.find("observed")
    if value is None:
        return ""
    number = check.number("observed")
    return str(value)[:80] if number is None else decimal(number)


def _quarantine(preprocess: Document) -> list[Block]:
    if preprocess.problem:
        return [missing(preprocess.problem)]
    left_out, not_read = preprocess.rows("quarantined"), preprocess.rows("not_read")
    used = count(preprocess.number("clips"))
    if not left_out and not not_read:
        return [Note("good", f"All {used} clips could be used; none is quarantined.")]
    left = f"{len(left_out)} quarantined, {len(not_read)} listed but not read"
    blocks: list[Block] = [Note("notice", f"{used} clips could be used; left out: {left}.")]
    header = ("clip", "file", "reason", "message")
    for title, found in (("Quarantined clips", left_out), ("Listed but not read", not_read)):
        rows = [[clip.text(key) or "" for key in ("clip_id", "path", "reason", "message")] for clip in found[:MAX_ROWS]]
        if rows:
            shown = f"{len(rows)} of {len(found)}" if len(rows) < len(found) else str(len(found))
            blocks.append(Table(f"{title} ({shown})", header, rows))
    return blocks
