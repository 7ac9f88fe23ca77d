"""The key of a finished clip: all that decides its pixels, and so all code that does."""

from import_closure import ROOT, closure

from t2s.data import decode_task

# What a decoded clip's code imports and no pixel depends on.
HARMLESS = {
    "src/t2s/__init__.py",
    "src/t2s/atomic.py",
    "src/t2s/data/config.py",  # its values are in the key
    "src/t2s/data/faults.py",  # why there is no clip
    "src/t2s/data/manifest.py",  # rows, whose fields are in the key
    "src/t2s/data/safe_open.py",  # which files may be read at all
    "src/t2s/errors.py",
}


def test_the_key_of_a_clip_covers_all_code_that_may_change_its_pixels() -> None:
    covered = {f"src/t2s/data/{module.__name__.rpartition('.')[2]}.py" for module in decode_task._DECODING_MODULES}
    used = set().union(*(closure(ROOT / path) for path in covered)) | covered
    assert used - HARMLESS == covered
