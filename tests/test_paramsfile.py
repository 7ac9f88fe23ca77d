"""params.yaml is read strictly: what YAML lets pass in silence is refused, in one line that says what to do."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from t2s.errors import UserError
from t2s.paramsfile import load_yaml, read_section, read_sections
from t2s.runtime_config import RuntimeConfig


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    depth: Annotated[int, Field(ge=0)]


class TrainConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    rate: float = Field(gt=0, lt=1)
    count: Annotated[int, Field(ge=1)]
    kind: Literal["a", "b"]
    flag: bool
    inner: Inner


class SecondConfig(Inner):
    pass


class ThirdConfig(Inner):
    pass


GOOD = "train:\n  rate: 0.5\n  count: 3\n  kind: a\n  flag: true\n  inner: {depth: 1}\n"


def read(tmp_path: Path, text: str) -> TrainConfig:
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    return read_section(path, TrainConfig)


def refusal(tmp_path: Path, text: str) -> str:
    """The one line, without the path it starts with."""
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'params.yaml'}: ")
    assert "\n" not in said
    return said.removeprefix(f"{tmp_path / 'params.yaml'}: ")


def test_a_good_file_is_read(tmp_path: Path) -> None:
    section = read(tmp_path, GOOD + "other: {of: no concern}\n")
    assert (section.rate, section.count, section.kind, section.flag, section.inner.depth) == (0.5, 3, "a", True, 1)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  count: 3", "  cuont: 3", "key 'train.count' is missing; unknown key 'train.cuont'; check its spelling"),
        ("count: 3", "count: 3\n  extra: 1", "unknown key 'train.extra'; check its spelling"),
        ("{depth: 1}", "{depth: 1, dept: 2}", "unknown key 'train.inner.dept'; check its spelling"),
        ("  count: 3\n", "", "key 'train.count' is missing"),
        ("count: 3", "count: 3\n  count: 4", "line 4: duplicate key 'count'; keep one of them"),
        ("{depth: 1}", "{depth: 1, depth: 1}", "line 6: duplicate key 'depth'; keep one of them"),
        ("count: 3", "count: 0", "train.count = 0: input should be greater than or equal to 1"),
        ("rate: 0.5", "rate: 1.5", "train.rate = 1.5: input should be less than 1"),
        ("rate: 0.5", "rate: .nan", "train.rate = nan: input should be "),
        ("count: 3", "count: three", "train.count = 'three': input should be a valid integer"),
        ("count: 3", "count: 2.5", "train.count = 2.5: input should be a valid integer"),
        ("count: 3", "count: [3]", "train.count = [3]: input should be a valid integer"),
        ("count: 3", "count: null", "train.count = None: input should be a valid integer"),
        ("count: 3", "count: 1e1", "train.count = '1e1': input should be a valid integer"),
        ("rate: 0.5", "rate: 2e0", "train.rate = '2e0': input should be less than 1"),
        ("kind: a", "kind: true", "train.kind = True: input should be 'a' or 'b'"),
        ("kind: a", "kind: c", "train.kind = 'c': input should be 'a' or 'b'"),
        ("flag: true", "flag: perhaps", "train.flag = 'perhaps': input should be a valid boolean"),
        ("inner: {depth: 1}", "inner: 4", "section 'train.inner' must be a mapping of keys, not 4"),
        (GOOD, "train: 3\n", "section 'train' must be a mapping of keys, not 3"),
        (GOOD, "train:\n", "section 'train' must be a mapping of keys, not None"),
        (GOOD, "model: {}\n", "section 'train' is missing"),
        (GOOD, "- a\n- b\n", "expected a mapping of sections"),
        (GOOD, "", "expected a mapping of sections"),
        ("kind: a", "kind: [a", "not valid YAML"),
        ("kind: a", "kind: a\n\tflag: true", "not valid YAML"),
        ("kind: a", "kind: !!python/object/apply:os.system [echo]", "not valid YAML"),
    ],
)
def test_a_mistake_is_named_with_what_is_allowed(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    assert said in refusal(tmp_path, GOOD.replace(old, new))


def test_all_mistakes_are_in_one_line(tmp_path: Path) -> None:
    said = refusal(tmp_path, "train:\n  rate: 7\n  count: 0\n  kid: a\n  flag: true\n  inner: {depth: -1}\n")
    for clause in ("train.rate = 7", "train.count = 0", "'train.kind' is missing", "'train.kid'", "train.inner.depth"):
        assert clause in said
    assert said.count(";") >= 4


def test_every_section_is_read_before_anything_is_said(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(GOOD.replace("count: 3", "count: 0") + "second: {depth: -1}\n")
    with pytest.raises(UserError, match=r"train\.count.*second\.depth.*section 'third' is missing"):
        read_sections(path, TrainConfig, SecondConfig, ThirdConfig)


def test_sections_come_in_the_order_in_which_they_were_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(GOOD + "third: {depth: 3}\nsecond: {depth: 2}\n")
    second, train, third = read_sections(path, SecondConfig, TrainConfig, ThirdConfig)
    assert (second, train.count, third) == (SecondConfig(depth=2), 3, ThirdConfig(depth=3))


def test_yes_and_no_are_words_as_in_what_dvc_writes(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("signs: [yes, No, on, true, False]\n")
    assert load_yaml(path)["signs"] == ["yes", "No", "on", True, False]


def test_small_numbers_without_a_point_are_the_numbers_they_look_like(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD.replace("rate: 0.5", "rate: 1e-4")).rate == 1e-4
    assert read(tmp_path, GOOD.replace("rate: 0.5", "rate: 1.0e-4")).rate == 1e-4


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    for name, reason in (("none.yaml", "run from the root of a t2s project"), ("latin.yaml", "UTF-8"), (".", "read")):
        with pytest.raises(UserError, match=reason) as caught:
            load_yaml(tmp_path / name)
        assert "\n" not in str(caught.value)


RUNTIME = (
    "runtime: {device: auto, num_threads: 0, num_workers: 0, checkpoint_every_s: 60.0, keep_checkpoints: 2, "
    "experiment: t2s}\n"
)


def test_only_runtime_listens_to_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(GOOD + RUNTIME)
    monkeypatch.setenv("T2S_RUNTIME_DEVICE", "cpu")
    monkeypatch.setenv("T2S_RUNTIME_NUM_THREADS", "2")
    monkeypatch.setenv("T2S_TRAIN_COUNT", "9")
    monkeypatch.setenv("T2S_RUNTIME_COUNT", "9")
    train, runtime = read_sections(path, TrainConfig, RuntimeConfig)
    assert (runtime.device, runtime.num_threads, train.count) == ("cpu", 2, 3)
    monkeypatch.setenv("T2S_RUNTIME_DEVICE", "gpu")
    with pytest.raises(UserError, match=r"T2S_RUNTIME_DEVICE = 'gpu'"):
        read_section(path, RuntimeConfig)
