"""The parts of a training, joined over a real folder of clips."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from PIL import Image

from t2s.assembly import Reader, Recipe, make_training, other_prompts
from t2s.clips import MARK, MARK_HEIGHT, caption_column
from t2s.data.clips import ClipStore
from t2s.data.encode import read_media_metadata
from t2s.diffusion.config import DiffusionConfig
from t2s.errors import UserError
from t2s.models.config import ModelConfig
from t2s.processes import make_accelerator
from t2s.provenance import git_revision
from t2s.runtime_config import RuntimeConfig
from t2s.sampling import Text2Sign
from t2s.tracking.tracker import SilentTracker
from t2s.training.config import TrainConfig
from t2s.training.loader import StepBatches, make_loader
from t2s.training.loop import train
from t2s.training.state import RunState

SIGNS = ["hello", "thank you", "please"]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, write_clips) -> ClipStore:
    folder = tmp_path_factory.mktemp("data") / "clips"
    write_clips(folder)
    return ClipStore.open(folder)


@pytest.fixture
def make_recipe(store: ClipStore, tiny_section):
    def make(sections: dict[str, dict] | None = None) -> Recipe:
        changed = {
            name: tiny_section(name, **(sections or {}).get(name, {}))
            for name in ("model", "diffusion", "train", "runtime")
        }
        return Recipe.make(
            ModelConfig.model_validate(changed["model"]),
            DiffusionConfig.model_validate(changed["diffusion"]),
            TrainConfig.model_validate(changed["train"]),
            RuntimeConfig.model_validate(changed["runtime"]),
            store,
        )

    return make


def test_a_recipe_trains_and_its_weights_fit_its_own_description(make_recipe, tmp_path: Path) -> None:
    recipe = make_recipe({"model": {"residual": "blend"}})
    tokenizer = recipe.tokenizer()
    accelerator = make_accelerator(recipe.runtime, recipe.train)
    result = train(make_training(recipe, tokenizer, accelerator, None, SilentTracker(), tmp_path, {}))
    assert result.num_steps == 6
    assert (tmp_path / "epoch-002.png").stat().st_size > 0
    assert result.history.rows[-1]["noisiness"] > 0
    recipe.denoiser(tokenizer).load_state_dict(result.weights)
    metadata = recipe.checkpoint_metadata(tokenizer, "mark")
    assert metadata["prompts"] == sorted(SIGNS)
    assert metadata["licence"] == "CC0"
    assert metadata["data_digest"] == recipe.store.digest
    assert metadata["learned_digest"] == recipe.store.learned_digest
    assert metadata["lexical"] is True


def test_a_device_that_is_not_there_ends_a_training_before_it_starts(make_recipe) -> None:
    """Not on the CPU without a word: the seed of a long training would go to waste."""
    recipe = make_recipe({"runtime": {"device": "cuda:99"}})
    with pytest.raises(UserError, match="device 'cuda:99' is not usable here"):
        make_accelerator(recipe.runtime, recipe.train)


def test_a_launcher_that_shards_is_refused_in_one_line(make_recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = make_recipe()
    monkeypatch.setattr(Accelerator, "distributed_type", DistributedType.FSDP)
    with pytest.raises(UserError, match="the launcher asks for FSDP; the train stage supports data parallelism only"):
        make_accelerator(recipe.runtime, recipe.train)


def test_one_gpu_is_not_for_several_processes(make_recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = make_recipe({"runtime": {"device": "cuda:0"}, "train": {"precision": "fp32"}})
    monkeypatch.setattr("t2s.processes.resolve_device", torch.device)  # as on a machine that has it
    monkeypatch.setattr("torch.cuda.set_device", lambda device: None)
    monkeypatch.setattr(Accelerator, "num_processes", 2)
    with pytest.raises(UserError, match=r"runtime\.device cuda:0 is one GPU; several processes need 'cuda' or 'auto'"):
        make_accelerator(recipe.runtime, recipe.train)


def test_clips_of_which_none_is_to_be_learnt_from_are_refused(make_recipe, store: ClipStore) -> None:
    made, held_out = make_recipe(), [replace(record, split="test") for record in store.records]
    parts = made.model, made.diffusion, made.train, made.runtime
    with pytest.raises(
        UserError, match=r"clips: no clip is in the train split; check data\.split_key and the manifest"
    ):
        Recipe.make(*parts, replace(store, records=held_out))


def test_clips_play_at_the_median_rate_of_the_train_clips(make_recipe, store: ClipStore) -> None:
    rates = iter([30.0, 5.0, 6.0] * len(store))
    changed = [replace(record, fps=next(rates) if record.split == "train" else 99.0) for record in store.records]
    recipe = replace(make_recipe(), store=replace(store, records=changed))
    assert recipe.clip.fps == 6.0


def test_the_best_weights_so_far_are_a_checkpoint_to_sample_from(make_recipe, tmp_path: Path) -> None:
    recipe = make_recipe({"train": {"validation": {"every_epochs": 1}}})
    tokenizer = recipe.tokenizer()
    about = recipe.checkpoint_metadata(tokenizer, "abc")
    with RunState.open(tmp_path, "abc", {}) as state:
        accelerator = make_accelerator(recipe.runtime, recipe.train)
        result = train(make_training(recipe, tokenizer, accelerator, state, SilentTracker(), tmp_path, about))
    best = Text2Sign.from_checkpoint(tmp_path / "runs/abc/best.safetensors", "cpu")
    lowest = min(result.history.rows, key=lambda row: row["x0_mse"])
    assert (best.metadata["step"], best.metadata["epoch"]) == (lowest["step"], lowest["epoch"])
    assert best("hello", num_steps=1).frames.shape[0] == 1


def test_sheets_carry_their_origin_from_the_moment_they_are_tracked(make_recipe, tmp_path: Path) -> None:
    logged: list[dict[str, str]] = []

    class Noting(SilentTracker):
        run_id = "f00d"

        def log_artifact(self, path: Path, folder: str = "") -> None:
            logged.append(read_media_metadata(path))

    recipe = make_recipe({"train": {"sample_epochs": [1]}})
    tokenizer = recipe.tokenizer()
    about = recipe.checkpoint_metadata(tokenizer, "mark")
    train(make_training(recipe, tokenizer, make_accelerator(recipe.runtime, recipe.train), None, Noting(), tmp_path,
                        about))  # fmt: skip
    origin = {"fingerprint": "mark", "git_revision": git_revision(), "licence": "CC0", "mlflow_run_id": "f00d"}
    prompt = {"prompt": ", ".join(sorted(SIGNS)), "seed": "[0, 1, 2]", "note": MARK}
    assert [found["epoch"] for found in logged] == ["1", "2"]
    for found in logged:
        assert found | origin | prompt == found
        assert found["software"].startswith("t2s ")
    with Image.open(tmp_path / "epoch-001.png") as picture:
        sheet = np.asarray(picture)
    named = caption_column(sorted(SIGNS), (len(sheet) - MARK_HEIGHT) // len(SIGNS))
    assert np.array_equal(sheet[: len(named), : named.shape[1]], named)


def test_only_train_clips_are_learnt_from_and_only_their_words_known(make_recipe, store: ClipStore) -> None:
    recipe = make_recipe()
    training = make_training(recipe, recipe.tokenizer(), make_accelerator(recipe.runtime, recipe.train), None,
                             SilentTracker(), Path("unused"), {})  # fmt: skip
    seen = {clip_id for batch in training.batches_from(0) for clip_id in batch.clip_ids}
    assert seen == {store.records[i].clip_id for i in store.indices("train")}


@pytest.mark.parametrize(
    ("section", "changes", "is_the_same"),
    [
        ("model", {"gradient_checkpointing": True}, True),
        ("train", {"accumulation": 2}, True),
        ("train", {"compile": True}, True),
        ("train", {"max_skipped_steps": 9}, True),
        ("train", {"monitor": {"gradient_norm": 99.0}}, True),
        ("train", {"batch_size": 8}, False),
        ("train", {"precision": "bf16"}, False),
        ("model", {"depth": 3}, False),
    ],
)
def test_a_run_goes_on_under_what_changes_no_weight(
    make_recipe, tiny_section, section: str, changes: dict[str, Any], is_the_same: bool
) -> None:
    if "monitor" in changes:
        changes = {"monitor": tiny_section("train")["monitor"] | changes["monitor"]}
    assert (make_recipe({section: changes}).fingerprint == make_recipe().fingerprint) is is_the_same


def test_the_same_seed_gives_the_same_fresh_model(make_recipe) -> None:
    recipe = make_recipe()
    one, other = (recipe.denoiser(recipe.tokenizer()).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more processes than this machine has cores
def test_batches_are_the_same_with_and_without_reader_processes(make_recipe, store: ClipStore) -> None:
    """Also when the store has mapped its shards already, as after verify()."""
    store.verify()
    recipe = make_recipe()
    read = Reader.of(store, store.indices("train"), recipe.tokenizer())

    def batches(num_workers: int, first_step: int = 0) -> list:
        steps = StepBatches(read, num_clips=12, seed=0, batch_size=4, first_step=first_step, num_steps=6)
        return list(make_loader(steps, num_workers, pin_memory=False))

    for one, other in zip(batches(0)[2:], batches(2, first_step=2), strict=True):
        assert (one.step, one.clip_ids) == (other.step, other.clip_ids)
        assert torch.equal(one.clips, other.clips)
        assert torch.equal(one.prompt_ids, other.prompt_ids)


def test_a_store_travels_without_its_pixels(store: ClipStore) -> None:
    store.verify()
    sent = pickle.dumps(store)
    assert len(sent) < 18 * store.pixels(0).nbytes
    assert np.array_equal(pickle.loads(sent).pixels(17), store.pixels(17))


def test_sizes_that_do_not_fit_the_clips_are_refused_by_key(make_recipe) -> None:
    with pytest.raises(UserError, match=r"model\.tubelet_size 8 .* data\.num_frames 4"):
        make_recipe({"model": {"tubelet_size": 8}})


def test_a_coarse_start_needs_a_model_that_can_see_coarsely(make_recipe) -> None:
    with pytest.raises(UserError, match=r"train\.coarse_fraction > 0 needs model\.projection_shortcut: true"):
        make_recipe({"train": {"coarse_fraction": 0.5}})


def test_a_narrow_epsilon_model_is_warned_about(make_recipe, caplog: pytest.LogCaptureFixture) -> None:
    make_recipe({"diffusion": {"prediction_type": "epsilon"}})
    assert "cannot pass a trunk of width 32 < 96" in caplog.text


@pytest.mark.parametrize(
    ("texts", "others"),
    [(["a", "b", "c"], [1, 2, 0]), (["a", "a", "b"], [2, 2, 0]), (["a", "a"], [0, 1]), (["a"], [0])],
)
def test_each_clip_is_dealt_another_prompt_where_there_is_one(texts: list[str], others: list[int]) -> None:
    assert other_prompts(texts) == others
