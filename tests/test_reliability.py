"""The figures of docs/reliability.md that belong to no single room: files given to `t2s sample`, pickles, two writers
of one file, odd prompts, repeated samples, an altered DVC cache."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from t2s import atomic
from t2s.checkpoint import load_checkpoint, save_checkpoint
from t2s.cli import run
from t2s.data.clips import ClipStore
from t2s.data.shards import ShardWriter
from t2s.errors import UserError
from t2s.inspection import describe
from t2s.prompts import file_stem, parse_prompt
from t2s.sampling import Text2Sign
from t2s.training.state import RunState

ROOT = Path(__file__).parents[1]


def sample(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> str | int | None:
    """`t2s sample …` as its entry point runs it; what it exits with (text goes to stderr)."""
    monkeypatch.setattr(sys, "argv", ["t2s", "sample", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        run()
    return left.value.code


def flipped(content: bytes) -> bytes:
    return content[:-5] + bytes([content[-5] ^ 16]) + content[-4:]


MALFORMED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut in the header": lambda content: content[:100],
    "cut in a weight": lambda content: content[:-1],
    "one flipped bit": flipped,
    "a pickle": lambda content: b"\x80\x04\x95" + bytes(100),
    "a zip": lambda content: b"PK\x03\x04" + bytes(100),
    "a page of text": lambda content: b"<!DOCTYPE html>" * 20,
    "foreign weights": lambda content: safetensors.torch.save({"weight": torch.zeros(2)}),
    "a huge header": lambda content: (2**63).to_bytes(8, "little") + content[8:],
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_checkpoint_given_to_sample_is_one_line(
    case: str, tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(MALFORMED[case](tiny_checkpoint.read_bytes()))
    message = sample(monkeypatch, "hello", "--checkpoint", path, "--output-dir", tmp_path / "out")
    assert isinstance(message, str)
    assert message.startswith(f"error: {path}: ")
    assert "\n" not in message
    assert not (tmp_path / "out").exists()


SEALED = ("digest", "format", "kind")  # what save_checkpoint itself writes


def changed_config(tiny_checkpoint: Path, path: Path, section: str, **values: object) -> Path:
    """A copy whose config says something else than its weights."""
    saved = load_checkpoint(tiny_checkpoint)
    kept = {key: value for key, value in saved.metadata.items() if key not in SEALED}
    config = kept["config"] | {section: kept["config"][section] | values}
    save_checkpoint(path, saved.tensors, {**kept, "config": config})
    return path


def rewritten(tiny_checkpoint: Path, path: Path, **changes: object) -> Path:
    """A copy with a good digest whose metadata says something else; a value of `...` takes the key away."""
    saved = load_checkpoint(tiny_checkpoint)
    kept = {key: value for key, value in saved.metadata.items() if key not in SEALED} | changes
    save_checkpoint(path, saved.tensors, {key: value for key, value in kept.items() if value is not ...})
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"config": None}, {"config": []}, {"config": {"model": None}}, {"tokenizer": "{}"}, {"tokenizer": None},
        {"tokenizer": ...}, {"prompts": None}, {"prompts": ...}, {"prompts": [3]}, {"licence": ...},
        {"mlflow_run_id": ...}, {"fingerprint": ...},
    ],
    ids=str,
)  # fmt: skip
def test_metadata_that_are_not_a_models_are_one_line(
    changes: dict[str, object], tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = rewritten(tiny_checkpoint, tmp_path / "model.safetensors", **changes)
    message = sample(monkeypatch, "hello", "--checkpoint", path, "--output-dir", tmp_path / "out")
    assert str(message).startswith(f"error: {path}: ")
    assert "\n" not in str(message)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("section", "key", "value"), [("model", "width", 16), ("diffusion", "schedule", "sine")])
def test_weights_that_do_not_fit_their_own_config_are_refused(
    section: str, key: str, value: object, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    path = changed_config(tiny_checkpoint, tmp_path / "other.safetensors", section, **{key: value})
    with pytest.raises(UserError, match="its weights do not fit its own config") as refused:
        Text2Sign.from_checkpoint(path, "cpu")
    assert "\n" not in str(refused.value)
    assert key in str(refused.value) or "size mismatch for" in str(refused.value)


def test_a_vocabulary_that_does_not_fit_the_weights_is_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    from t2s.models.config import TextConfig
    from t2s.models.text import PromptTokenizer

    saved = load_checkpoint(tiny_checkpoint)
    text = TextConfig.model_validate(saved.metadata["config"]["model"]["text"])
    other = PromptTokenizer.fit(["book", "drink", "eat", "hello"], text).serialized
    kept = {key: value for key, value in saved.metadata.items() if key not in SEALED}
    save_checkpoint(tmp_path / "other.safetensors", saved.tensors, {**kept, "tokenizer": other})
    with pytest.raises(UserError, match="size mismatch for"):
        Text2Sign.from_checkpoint(tmp_path / "other.safetensors", "cpu")


def test_two_writers_of_one_file_leave_one_of_their_files_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    contents = [bytes([letter]) * 50_000 for letter in b"ab"]
    path.write_bytes(contents[0])
    writers = [
        threading.Thread(target=lambda data=data: [atomic.write_bytes(path, data) for _ in range(30)])
        for data in contents
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert path.read_bytes() in contents
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]


def test_two_different_trainings_keep_their_states_side_by_side(tmp_path: Path) -> None:
    with RunState.open(tmp_path, "a" * 16, {"depth": 1}) as one, RunState.open(tmp_path, "b" * 16, {"depth": 2}) as two:
        for step in (1, 2, 3):
            one.save(step, {"weight": torch.full((2,), 1.0)}, {})
            two.save(step + 10, {"weight": torch.full((2,), 2.0)}, {})
        found = one.latest(), two.latest()
    assert [(state.metadata["step"], state.tensors["weight"].tolist()) for state in found if state] == [
        (3, [1.0, 1.0]),
        (13, [2.0, 2.0]),
    ]


def test_the_same_seed_gives_the_same_files_twice(tiny_checkpoint: Path, tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        clips = Text2Sign.from_checkpoint(tiny_checkpoint, "cpu")("hello thank you", num_samples=2, seed=3, num_steps=2)
        for suffix in ("mp4", "gif", "png"):
            clips.save(tmp_path / name / f"clip.{suffix}")
        files.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert files[0] == files[1]
    assert len(files[0]) == 6
    other = Text2Sign.from_checkpoint(tiny_checkpoint, "cpu")("hello", seed=4, num_steps=2).save(tmp_path / "other.gif")
    assert other[0].read_bytes() not in files[0].values()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "the prompt is empty"),
        (" \n\t\u2003", "the prompt is empty"),
        ("hello\0", "NUL character"),
        ("x" * 200_000, "200000 characters: at most 1000"),
    ],
)
def test_prompts_that_say_nothing_are_refused_before_the_model_is_read(
    text: str, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert part in str(sample(monkeypatch, text, "--checkpoint", "missing.safetensors"))


@pytest.mark.parametrize("text", ["x" * 1_000, "👩‍🦰", "שלום", "hel\u202elo", "../../etc/passwd", "<script>"])
def test_prompts_without_a_known_sign_are_named_in_one_line(text: str, tiny_checkpoint: Path) -> None:
    with pytest.raises(UserError, match="known signs: hello, thank you") as refused:
        Text2Sign.from_checkpoint(tiny_checkpoint, "cpu")(text)
    assert f"'{text}'" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_long_text_of_known_signs_is_cut_into_them() -> None:
    parsed = parse_prompt("hello  Thank\nYOU " * 58, ["hello", "thank you"])
    assert parsed.signs == ["hello", "thank you"] * 58
    assert parsed.unknown == []


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pytest.warns hides whose it is
def test_what_was_asked_is_kept_to_the_byte(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # not the store of a project that has been run here
    asked = "hello 👩‍🦰 e\u0301 שלום \u202e<b>&"
    with pytest.warns(UserWarning, match="they are left out"):
        clips = Text2Sign.from_checkpoint(tiny_checkpoint, "cpu")(asked, num_steps=1)
    for suffix in ("mp4", "gif", "png"):
        (path,) = clips.save(tmp_path / f"clip.{suffix}")
        assert describe(path)["prompt"] == asked


@pytest.mark.parametrize("text", ["../../etc/passwd", "/etc/passwd", "a\\..\\b", "~root", ".", "..", "-rf", "x" * 999])
def test_a_prompt_names_a_file_in_its_folder(text: str) -> None:
    stem = file_stem(text)
    assert stem
    assert len(stem) <= 60
    assert not set(stem) & set("/\\.~")
    assert not stem.startswith("-")


@pytest.mark.slow
def test_a_clip_that_dvc_restores_from_an_altered_cache_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DVC hands back what its cache holds without looking at it."""
    monkeypatch.setenv("DVC_NO_ANALYTICS", "true")
    clips = tmp_path / "data" / "clips"
    source = {"split_key": "given", "language": "none", "licence": "CC0-1.0"}
    with ShardWriter(clips, num_frames=2, image_size=8, clips_per_shard=4, source=source) as writer:
        for k in range(4):
            pixels = np.random.default_rng(k).uniform(-1, 1, (2, 8, 8, 3)).astype(np.float16)
            fields = {"clip_id": f"c{k}", "text": "hello", "sign": "hello", "signer": "s", "split": "train"}
            writer.add_stored(pixels, **fields, fps=8.0, source_frames=2, licence="CC0-1.0")

    def dvc(*arguments: str) -> None:
        command = [sys.executable, "-m", "dvc", "-q", *arguments]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    dvc("init", "--no-scm")
    dvc("add", "data/clips")
    ClipStore.open(clips).verify()
    shard = next(clips.glob("*.npy"))
    (cached,) = [
        path
        for path in (tmp_path / ".dvc" / "cache").rglob("*")
        if path.is_file() and path.read_bytes() == shard.read_bytes()
    ]
    cached.chmod(0o644)
    cached.write_bytes(flipped(cached.read_bytes()))
    for path in clips.iterdir():
        path.unlink()
    dvc("checkout", "data/clips.dvc")
    with pytest.raises(UserError, match="c3"):
        ClipStore.open(clips).verify()
