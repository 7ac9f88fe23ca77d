"""ASL Citizen (arXiv 2304.05934): videos/*.mp4 and splits/{train,val,test}.csv, signer-disjoint as given."""

from collections.abc import Iterator
from pathlib import Path

from t2s.data.licences import Terms
from t2s.data.sources.clip import SourceClip, SourceReport
from t2s.data.sources.reader import refuse_subset
from t2s.data.sources.tables import read_quoted

_SPLITS = ("train", "val", "test")
_COLUMNS = ("Participant ID", "Video file", "Gloss")


class AslCitizen:
    """83,399 clips of 2,731 signs by 52 signers; the gloss is caption and sign."""

    name = "asl_citizen"
    language = "American Sign Language"
    videos_vanish = False
    layout = "splits/{train,val,test}.csv (Participant ID, Video file, Gloss, ASL-LEX Code) and videos/*.mp4"
    terms = Terms(
        licence="Microsoft Research License Terms (ASL Citizen)",
        url="https://www.microsoft.com/en-us/research/project/asl-citizen/",
        commercial=False,
        download="about 50 GB, 83,399 clips",
        summary="recorded with consent; research use only, neither the data nor changed copies may be passed on",
    )

    def detect(self, root: Path) -> bool:
        return (root / "videos").is_dir() and any((root / "splits" / f"{split}.csv").is_file() for split in _SPLITS)

    def read(self, root: Path, subset: str | None, report: SourceReport) -> Iterator[SourceClip]:
        refuse_subset(self.name, subset)
        for split in _SPLITS:
            table = root / "splits" / f"{split}.csv"
            if not table.is_file():
                report.add_note(f"splits/{split}.csv is missing: no {split} clips")
                continue
            for line, row in read_quoted(table, _COLUMNS, report):
                file, gloss = row["Video file"].strip(), row["Gloss"].strip()
                if not file:
                    report.add_issue("malformed", f"{table.name}: line {line} names no video file")
                    continue
                yield SourceClip(
                    clip_id=file.removesuffix(".mp4"),
                    path=f"videos/{file}",
                    text=gloss,
                    video=file,
                    sign=gloss,
                    signer=row["Participant ID"].strip(),
                    split=split,
                )
