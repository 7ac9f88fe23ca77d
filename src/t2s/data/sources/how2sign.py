"""How2Sign (Duarte et al., CVPR 2021): TAB separated sentences, released clips or full videos at 24 fps."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from t2s.data.licences import Terms
from t2s.data.sources.clip import SourceClip, SourceReport
from t2s.data.sources.media import first_indexed, index_media
from t2s.data.sources.reader import refuse_subset
from t2s.data.sources.tables import Row, read_plain
from t2s.data.sources.times import seconds_of

_SPLITS = ("train", "val", "test")
_COLUMNS = ("VIDEO_NAME", "SENTENCE_NAME", "START_REALIGNED", "END_REALIGNED", "SENTENCE")
_WHOLE = "released clips are used whole: they were cut at the original times, their sentences were realigned later"
_SIGNER = re.compile(r"-(\d+)-rgb_\w+$")


class How2Sign:
    """31,000 sentences by 11 signers.

    Realigned times count in the FULL videos (<VIDEO_NAME>.mp4). The released clips (raw_videos/<SENTENCE_NAME>.mp4)
    were cut at the original times, so they are used whole: cutting them again would be wrong. A clip goes before
    its full video. Rows and clips differ in number; rows without either are missing, clips without a row are noted.

    What stands before the first dash pair of a name is the VIDEO, never the signer; the signer is the number before
    "-rgb_front" (the tables name none).
    """

    name = "how2sign"
    language = "American Sign Language"
    videos_vanish = True
    layout = "how2sign_realigned_{train,val,test}.csv and raw_videos/<SENTENCE_NAME>.mp4 (or full <VIDEO_NAME>.mp4)"
    terms = Terms(
        licence="CC BY-NC 4.0 (How2Sign)",
        url="https://how2sign.github.io",
        commercial=False,
        download="about 35 GB of clips, 330 GB of full videos (frontal view)",
        summary="research only, no commercial use, credit the authors",
    )

    def detect(self, root: Path) -> bool:
        return bool(_tables(root))

    def read(self, root: Path, subset: str | None, report: SourceReport) -> Iterator[SourceClip]:
        refuse_subset(self.name, subset)
        media = index_media(root)
        unlisted = set(media)
        tables = _tables(root)
        for split in _SPLITS:
            if split not in tables:
                report.add_note(f"how2sign_realigned_{split}.csv is missing: no {split} clips")
                continue
            for line, row in read_plain(tables[split], _COLUMNS, report, "\t"):
                unlisted -= {row["SENTENCE_NAME"], row["VIDEO_NAME"]}
                try:
                    clip = _clip(row, split, media)
                except ValueError as error:
                    message = f"{tables[split].name}: line {line}: {error}"
                    report.add_issue("malformed", message, row["SENTENCE_NAME"])
                    continue
                if clip.end_s is None:
                    report.add_note(_WHOLE)
                yield clip
        if unlisted:
            report.add_note(f"{len(unlisted)} video files belong to no row (first: {media[min(unlisted)]})")


def _tables(root: Path) -> dict[str, Path]:
    """The tables beside the videos, or where the official download script puts them."""
    places = ("", "sentence_level/{}/text/en/raw_text/re_aligned/")
    found = {}
    for split in _SPLITS:
        candidates = (root / f"{place.format(split)}how2sign_realigned_{split}.csv" for place in places)
        table = next((path for path in candidates if path.is_file()), None)
        if table is not None:
            found[split] = table
    return found


def _clip(row: Row, split: str, media: Mapping[str, str]) -> SourceClip:
    name, video = row["SENTENCE_NAME"].strip(), row["VIDEO_NAME"].strip()
    signer = _SIGNER.search(video)
    released = first_indexed(media, name)
    if released:
        start_s = end_s = None
    else:
        start_s, end_s = seconds_of(row["START_REALIGNED"]), seconds_of(row["END_REALIGNED"])
    return SourceClip(
        clip_id=name,
        path=released or first_indexed(media, video) or f"raw_videos/{name}.mp4",
        text=row["SENTENCE"],
        video=video,
        signer=signer[1] if signer else "",
        split=split,
        start_s=start_s,
        end_s=end_s,
        fps=24.0,
    )
