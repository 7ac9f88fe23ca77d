"""The table of readers.

A new data set is one file beside this one, a line here, and its name in data/config.py and params.yaml.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

from t2s.data.sources.asl_citizen import AslCitizen
from t2s.data.sources.class_folders import ClassFolders
from t2s.data.sources.clip import printable
from t2s.data.sources.folder_manifest import FolderManifest, misfit
from t2s.data.sources.how2sign import How2Sign
from t2s.data.sources.ms_asl import MsAsl
from t2s.data.sources.openasl import OpenAsl
from t2s.data.sources.phoenix2014t import Phoenix2014T
from t2s.data.sources.reader import Reader
from t2s.data.sources.stem_pairs import StemPairs, stems
from t2s.data.sources.wlasl import Wlasl
from t2s.errors import UserError

# Order matters: named data sets first, then a manifest, then loose pairs.
READERS: tuple[Reader, ...] = (
    AslCitizen(),
    Wlasl(),
    MsAsl(),
    How2Sign(),
    Phoenix2014T(),
    OpenAsl(),
    FolderManifest(),
    StemPairs(),
)
# Where none of them finds its layout: by the word of the pairs, for it is a folder of videos as they are.
CLASS_FOLDERS = ClassFolders()
AUTO = "auto"


def open_root(root: str | Path | None) -> Path:
    """data.root as a resolved folder. Raises UserError naming it when it is absent, no folder, or empty."""
    if root is None:
        raise UserError("data.root is null: set it to the folder of the data set")
    folder = Path(root).expanduser()
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise UserError(f"data.root = {root} {what}; set it to the folder of the data set")
    try:
        is_empty = next(folder.iterdir(), None) is None
    except OSError as error:
        raise UserError(f"data.root = {root} cannot be read ({error.strerror})") from None
    if is_empty:
        raise UserError(f"data.root = {root} is empty; put the data set there or set data.root to its folder")
    return folder.resolve()


def locate(source: str, root: Path) -> tuple[Reader, Path]:
    """The reader for `source` ("auto": whichever recognises the layout) and the folder it recognises.

    That is `root`, or the one folder up to two levels below it that unpacking an archive left there. Folders of signs
    are looked for last, below `root` only where it holds nothing but one folder.

    Raises:
        UserError: unknown source, or the layout is not there (what was looked for, and what is there instead).
    """
    readers = READERS if source == AUTO else tuple(reader for reader in READERS if reader.name == source)
    if not readers:
        raise UserError(f"data.source = {source}: no such reader; choose {AUTO}, {', '.join(r.name for r in READERS)}")
    below = _folders(root)
    for folders in ([root], below, [deeper for folder in below for deeper in _folders(folder)]):
        for reader, folder in product(readers, folders):
            if reader.detect(folder):
                return reader, folder
    if source in (AUTO, CLASS_FOLDERS.name):
        for folder in _unpacked(root):
            if CLASS_FOLDERS.detect(folder):
                return CLASS_FOLDERS, folder
    if source == AUTO:
        seen = f" ({found})" if (found := _seen(root)) else ""
        raise UserError(f"data.root = {root}: no known layout{seen}; docs/data.md shows what is recognised")
    others = [reader.name for reader in (*READERS, CLASS_FOLDERS) if reader.detect(root)]
    found = f"it looks like data.source: {others[0]}" if others else _seen(root)
    hint = f"; {found}" if found else ""
    raise UserError(f"data.root = {root} is not laid out as {source}: expected {readers[0].layout}{hint}")


def _unpacked(root: Path) -> Iterator[Path]:
    """`root`, and the folder that is the only thing in it, up to two levels down."""
    folder: Path | None = root
    for _ in range(3):
        if folder is None:
            return
        yield folder
        shown = [child for child in folder.glob("*") if not child.name.startswith((".", "__MACOSX"))]
        is_wrapper = len(shown) == 1 and shown[0].is_dir() and not shown[0].is_symlink()
        folder = shown[0] if is_wrapper else None


def _seen(root: Path) -> str:
    """What is there instead, as far as it helps a person; "" where nothing does."""
    told = next((told for folder in _unpacked(root) if (told := misfit(folder))), None)
    if told is not None:
        return told
    videos = sorted(stem + suffix for stem, suffix, _ in stems(root) if suffix)
    if not videos:
        return "it holds no videos"
    first = "".join(filter(str.isprintable, printable(videos[0])))
    return (
        f"videos without captions: {len(videos)}, first {first}; neither <stem>.txt beside each, nor a "
        "manifest.csv, nor one folder per sign, <sign>/<clip>.mp4, and no other files"
    )


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(child for child in folder.iterdir() if child.is_dir() and not child.is_symlink())
    except OSError:
        return []
