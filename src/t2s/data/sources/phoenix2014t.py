"""RWTH-PHOENIX-Weather 2014 T (Camgöz et al., CVPR 2018): German Sign Language, still frames at 25 fps."""

from collections.abc import Iterator
from pathlib import Path

from t2s.data.licences import Terms
from t2s.data.sources.clip import SourceClip, SourceReport
from t2s.data.sources.reader import refuse_subset
from t2s.data.sources.tables import read_plain

_FPS = 25.0
_TABLES = Path("annotations/manual")
_FRAMES = "features/fullFrame-210x260px"
_FOLDERS = {"train": "train", "dev": "val", "test": "test"}


class Phoenix2014T:
    """8,257 sentences by nine signers, who appear in all three splits.

    The tables are `|` separated without quoting. Their columns start and end are always -1 and `video` names a
    folder of an older release: the frames lie under <split>/<name>, among them a stray profile file.
    """

    name = "phoenix2014t"
    language = "German Sign Language"
    videos_vanish = False
    layout = f"{_TABLES}/PHOENIX-2014-T.{{train,dev,test}}.corpus.csv and {_FRAMES}/<split>/<name>/images%04d.png"
    terms = Terms(
        licence="CC BY-NC-SA 3.0 (RWTH-PHOENIX-Weather 2014 T)",
        url="https://www-i6.informatik.rwth-aachen.de/~koller/RWTH-PHOENIX-2014-T/",
        commercial=False,
        download="about 40 GB, 8,257 clips",
        summary="no commercial use; what you derive is shared under the same terms; credit the authors",
    )

    def detect(self, root: Path) -> bool:
        return any(_table(root, folder).is_file() for folder in _FOLDERS)

    def read(self, root: Path, subset: str | None, report: SourceReport) -> Iterator[SourceClip]:
        refuse_subset(self.name, subset)
        for folder, split in _FOLDERS.items():
            table = _table(root, folder)
            if not table.is_file():
                report.add_note(f"{table.name} is missing: no {split} clips")
                continue
            for _, row in read_plain(table, ("name", "speaker", "translation"), report, "|"):
                yield SourceClip(
                    clip_id=row["name"],
                    path=f"{_FRAMES}/{folder}/{row['name']}/images%04d.png",
                    text=row["translation"],
                    video=row["name"].rpartition("-")[0] or row["name"],  # the broadcast; its sentences are numbered
                    signer=row["speaker"],
                    split=split,
                    fps=_FPS,
                )


def _table(root: Path, folder: str) -> Path:
    return root / _TABLES / f"PHOENIX-2014-T.{folder}.corpus.csv"
