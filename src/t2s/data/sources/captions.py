"""Captions of folders that name no signs: are they glosses or sentences?"""

from collections.abc import Sequence
from dataclasses import replace

from t2s.data.sources.clip import SourceClip, SourceReport
from t2s.letters import composed


def signs_from_captions(clips: Sequence[SourceClip], report: SourceReport) -> list[SourceClip]:
    """Take the captions as signs when none is named and each is, on average, shared by two clips or more.

    Repeated captions are classes ("hello", filmed five times); captions that differ are sentences and stay so.
    The caption itself is untouched; the sign is the caption without outer blanks, in one way to write its letters: `ä`
    may be one character or two, and a Mac writes two into file names.
    """
    distinct = {composed(clip.text.strip()) for clip in clips}
    if any(clip.sign for clip in clips) or 2 * len(distinct) > len(clips):
        return list(clips)
    report.add_note(f"no signs are named and the captions repeat: the {len(distinct)} captions are taken as signs")
    return [replace(clip, sign=composed(clip.text.strip())) for clip in clips]
