"""Text2Sign: what a seed means, how signs follow each other, what is refused."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from t2s import Text2Sign
from t2s.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from t2s.device import resolve_device
from t2s.diffusion.prediction import target
from t2s.diffusion.schedule import add_noise
from t2s.errors import UserError
from t2s.models.config import BEFORE_THE_KEY
from t2s.sampling import TRANSITION_FRAMES, stitch

FRAMES = 8


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, make_checkpoint: Callable[..., Path]) -> Text2Sign:
    path = make_checkpoint(tmp_path_factory.mktemp("sampling") / "t2s.safetensors", clip={"num_frames": FRAMES})
    return Text2Sign.from_checkpoint(path, "cpu")


def remarks(make: Callable[[], Any]) -> tuple[Any, list[str]]:
    """What is made, and the warnings meant for the user. (pytest.warns would raise diffusers' ignored ones again.)"""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = make()
    return made, [str(warning.message) for warning in caught if warning.category is UserWarning]


def levels_apart(a: Any, b: Any) -> int:
    """The largest difference between two clips, 0 … 255."""
    return int(np.abs(a.astype(int) - b.astype(int)).max())


@pytest.mark.parametrize("sampler", ["dpmpp", "ddim", "ddpm"])
def test_sample_i_of_seed_s_is_sample_0_of_seed_s_plus_i(model: Text2Sign, sampler: Any) -> None:
    together = model("hello", 3, seed=5, num_steps=4, sampler=sampler)
    assert together.seeds == [5, 6, 7]
    for i in range(3):
        alone = model("hello", 1, seed=5 + i, num_steps=4, sampler=sampler)
        assert levels_apart(together.frames[i], alone.frames[0]) <= 1  # batches may round differently
    assert levels_apart(together.frames[0], together.frames[1]) > 5


@pytest.mark.parametrize("sampler", ["dpmpp", "ddpm"])
def test_the_same_call_gives_the_same_clip(model: Text2Sign, sampler: Any) -> None:
    first, second = (model("hello", 2, seed=1, num_steps=3, sampler=sampler).frames for _ in range(2))
    assert np.array_equal(first, second)


def test_the_prompt_and_its_guidance_decide_the_clip(model: Text2Sign) -> None:
    hello = model("hello", num_steps=3).frames
    assert levels_apart(hello, model("thank you", num_steps=3).frames) > 1
    assert levels_apart(hello, model("hello", num_steps=3, guidance_scale=1.0).frames) > 1
    assert levels_apart(hello, model("hello", num_steps=3, polish=0).frames) > 1


def test_bf16_gives_nearly_the_same_clip_and_its_record_says_so(model: Text2Sign) -> None:
    exact, rounded = (model("hello", num_steps=4, precision=precision) for precision in ("fp32", "bf16"))
    assert (exact.provenance["precision"], rounded.provenance["precision"]) == ("fp32", "bf16")
    assert 0 < levels_apart(exact.frames, rounded.frames) < 64
    assert np.abs(exact.frames.astype(int) - rounded.frames).mean() < 2


def test_a_network_that_answers_with_no_numbers_ends_in_one_line(
    model: Text2Sign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "denoiser", lambda x_t, *_: torch.full_like(x_t, torch.nan))
    with pytest.raises(UserError, match=r"the model's clips are no numbers \(NaN\)"):
        model("hello", num_steps=2)


def test_only_clips_are_made_in_bf16(model: Text2Sign, monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures of evaluation, which compare small differences of errors, stay in fp32."""
    seen: list[bool] = []
    denoiser = model.denoiser

    def watched(*inputs: Tensor) -> Tensor:
        seen.append(torch.is_autocast_enabled("cpu"))
        answer: Tensor = denoiser(*inputs)
        return answer

    monkeypatch.setattr(model, "denoiser", watched)
    clips = model.generate(["hello"], [0], num_steps=2, polish=1, precision="bf16")
    assert seen == [True] * 3
    model.denoise_x0(clips, torch.zeros(1, dtype=torch.int64), model.tokenizer.encode(["hello"]))
    assert seen[3:] == [False]


def test_large_orders_are_made_in_parts_without_changing_a_clip(model: Text2Sign) -> None:
    seen: list[tuple[int, int]] = []
    whole = model("hello thank you", 5, num_steps=3).frames
    parts = model(
        "hello thank you", 5, num_steps=3, batch_size=2, on_step=lambda done, total: seen.append((done, total))
    ).frames
    assert levels_apart(whole, parts) <= 1
    total = 2 * 3 * (3 + 2)  # signs, parts, steps and rounds of polish
    assert seen == [(done, total) for done in range(1, total + 1)]


def test_ddpm_never_adds_the_starting_noise_again(model: Text2Sign, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []

    def blind(x_t: Tensor, t: Tensor, prompt_ids: Tensor) -> Tensor:
        seen.append(x_t.flatten().clone())
        return torch.zeros_like(x_t)

    monkeypatch.setattr(model, "denoiser", blind)
    model.generate(["hello"], [3], num_steps=4, guidance_scale=1.0, sampler="ddpm", polish=0)
    correlation = torch.corrcoef(torch.stack(seen[:2]))[0, 1]
    assert abs(float(correlation)) < 0.9  # 1 when x_T itself is the noise that is added


@pytest.mark.parametrize("kind", ["epsilon", "v", "sample"])
def test_denoise_x0_inverts_what_the_network_predicts(
    tmp_path: Path, make_checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    path = make_checkpoint(tmp_path / "m.safetensors", diffusion={"prediction_type": kind})
    model = Text2Sign.from_checkpoint(path, "cpu")
    x0, eps, t = torch.rand(2, 3, 4, 8, 8), torch.randn(2, 3, 4, 8, 8), torch.tensor([3, 30])
    monkeypatch.setattr(model, "denoiser", lambda *_: target(kind, x0, eps, t, model.schedule))
    found = model.denoise_x0(add_noise(model.schedule, x0, eps, t), t, torch.zeros(2, 4, dtype=torch.int64))
    assert torch.allclose(found, x0, atol=1e-4)


@pytest.mark.parametrize(("count", "transition"), [(1, 3), (2, 3), (4, 3), (3, 0), (3, 4)])
def test_stitched_clips_have_n_f_minus_the_transitions(count: int, transition: int) -> None:
    segments = [torch.full((2, 3, FRAMES, 4, 4), float(i)) for i in range(count)]
    joined = stitch(segments, transition)
    assert joined.shape == (2, 3, count * FRAMES - (count - 1) * transition, 4, 4)
    assert float(joined[0, 0, 0, 0, 0]) == 0 and float(joined[0, 0, -1, 0, 0]) == count - 1


def test_a_transition_fades_evenly_from_one_sign_to_the_next() -> None:
    joined = stitch([torch.zeros(1, 3, FRAMES, 2, 2), torch.ones(1, 3, FRAMES, 2, 2)], 3)
    brightness = joined.mean(dim=(0, 1, 3, 4)).tolist()
    assert brightness == pytest.approx([0.0] * 5 + [0.25, 0.5, 0.75] + [1.0] * 5)


def test_signs_in_one_prompt_follow_each_other_from_the_same_noise(model: Text2Sign) -> None:
    both = model("Hello  THANK you", seed=2, num_steps=3)
    hello, thanks = (model(sign, seed=2, num_steps=3).frames for sign in ("hello", "thank you"))
    assert both.provenance["signs"] == ["hello", "thank you"]
    assert both.frames.shape[1] == 2 * FRAMES - TRANSITION_FRAMES
    kept = FRAMES - TRANSITION_FRAMES
    assert np.array_equal(both.frames[:, :kept], hello[:, :kept])
    assert np.array_equal(both.frames[:, -kept:], thanks[:, -kept:])


def test_clips_shorter_than_a_transition_still_follow_each_other(
    tmp_path: Path, make_checkpoint: Callable[..., Path]
) -> None:
    path = make_checkpoint(tmp_path / "m.safetensors", clip={"num_frames": 2})
    frames = Text2Sign.from_checkpoint(path, "cpu")("hello hello hello", num_steps=2).frames
    assert frames.shape[1] == 4  # 3 · 2 frames, one shared at each joint


def test_unknown_words_are_named_and_left_out(model: Text2Sign) -> None:
    clips, said = remarks(lambda: model("helo thank you", num_steps=2))
    assert clips.provenance["signs"] == ["thank you"]
    assert said == ["unknown: 'helo' (closest: hello); known signs: hello, thank you; they are left out"]
    with pytest.raises(UserError, match=r"'xylophone'.*known signs: hello, thank you"):
        model("xylophone", num_steps=2)


def test_a_model_of_few_timesteps_is_not_asked_for_more_by_default(
    tmp_path: Path, make_checkpoint: Callable[..., Path]
) -> None:
    path = make_checkpoint(tmp_path / "m.safetensors", diffusion={"num_timesteps": 10})
    model = Text2Sign.from_checkpoint(path, "cpu")
    seen: list[int] = []
    made = model("hello", polish=0, on_step=lambda done, total: seen.append(total))
    assert (made.provenance["num_steps"], set(seen), len(seen)) == (10, {10}, 10)
    assert model.generate(["hello"], [0]).shape[0] == 1
    with pytest.raises(UserError, match=r"num_steps 12 is outside 1 … 10"):
        model("hello", num_steps=12)


def test_prompts_of_another_vocabulary_give_way_to_the_models_own(model: Text2Sign) -> None:
    assert remarks(lambda: model.answerable(["thank you", "hello"])) == (["thank you", "hello"], [])
    assert remarks(lambda: model.answerable(["hello", "xylophone"])) == (
        ["hello"], ["the model does not know xylophone"],
    )  # fmt: skip
    kept, said = remarks(lambda: model.answerable(["xylophone", "zither"], otherwise=1))
    assert kept == ["hello"]
    assert said == ["the model does not know xylophone, zither; its own first 1 signs are drawn instead"]


def test_a_sentence_model_takes_the_prompt_whole(tmp_path: Path, make_checkpoint: Callable[..., Path]) -> None:
    path = make_checkpoint(
        tmp_path / "m.safetensors", model={"text": {"tokenizer": "bpe"}}, prompts=["hello you", "thank you all"]
    )
    model = Text2Sign.from_checkpoint(path, "cpu")
    assert not model.is_lexical
    assert remarks(lambda: model("Hello  you", num_steps=2))[1] == []
    clips, said = remarks(lambda: model("all thank hello", num_steps=2))
    assert said == ["'all thank hello' is not among the captions the model was trained on"]
    assert clips.provenance["signs"] == ["all thank hello"]
    assert clips.frames.shape[1] == 4
    _, said = remarks(lambda: model("hello ž", num_steps=2))
    assert said == ["'hello ž' is not among the captions the model was trained on, and it has never seen: ž"]
    with pytest.raises(UserError, match="empty"):
        model("  ", num_steps=2)


def test_sentences_are_told_by_the_data_not_by_the_tokenizer(
    make_checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    """Sentences of whole words, and signs of sub-words; a file that does not say so is told by its tokenizer."""
    path = make_checkpoint(tmp_path / "m.safetensors", prompts=["no", "this is a lesson"])
    saved = load_checkpoint(path)
    assert Text2Sign(saved).is_lexical
    spoken = Text2Sign(Checkpoint(saved.tensors, saved.metadata | {"lexical": False}))
    clips, said = remarks(lambda: spoken("no this is new", num_steps=2))
    assert clips.provenance["signs"] == ["no this is new"]
    assert said == ["'no this is new' is not among the captions the model was trained on, and it has never seen: new"]
    path = make_checkpoint(tmp_path / "b.safetensors", model={"text": {"tokenizer": "bpe"}})
    saved = load_checkpoint(path)
    signed = Text2Sign(Checkpoint(saved.tensors, saved.metadata | {"lexical": True}))
    clips, said = remarks(lambda: signed("xylophone hello", num_steps=2))
    assert clips.provenance["signs"] == ["hello"]
    assert "unknown: 'xylophone'" in said[0]


def test_a_sentence_model_draws_its_own_captions_where_it_knows_none_of_those_asked_for(
    tmp_path: Path, make_checkpoint: Callable[..., Path]
) -> None:
    captions = ["he walks", "nobody sleeps", "she reads", "they talk"]
    path = make_checkpoint(tmp_path / "m.safetensors", model={"text": {"tokenizer": "bpe"}}, prompts=captions)
    model = Text2Sign.from_checkpoint(path, "cpu")
    assert remarks(lambda: model.answerable(["He walks", "nobody walks"])) == (["He walks", "nobody walks"], [])
    assert remarks(lambda: model.answerable(["hello", "thank you"], otherwise=2)) == (
        ["he walks", "nobody sleeps"],
        ["none of hello, thank you is among the captions the model was trained on (he walks; nobody sleeps …); its own "
         "first 2 are drawn instead, and `t2s sample` draws any sentence"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"num_samples": 0}, "num_samples 0"),
        ({"seed": -1}, "seed -1"),
        ({"seed": 2**63 - 1, "num_samples": 2}, "seed 9223372036854775807"),
        ({"num_steps": 0}, "num_steps 0"),
        ({"num_steps": 51}, "num_steps 51 is outside 1 … 50"),
        ({"guidance_scale": float("nan")}, "guidance_scale nan"),
        ({"guidance_scale": 51.0}, "guidance_scale 51"),
        ({"guidance_rescale": 1.5}, "guidance_rescale 1.5"),
        ({"polish": 17}, "polish 17"),
        ({"sampler": "magic"}, "sampler 'magic'"),
        ({"prompt": " \t"}, "empty"),
        ({"prompt": "hello\0"}, "NUL"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(model: Text2Sign, wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError, match=named) as caught:
        model(**{"prompt": "hello", "num_steps": 2, **wrong})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("prompts", "seeds", "changed", "named"),
    [
        (["hello"] * 3, [1, 2], {}, "3 prompts, 2 seeds"),
        (["hello"], [1, 2], {}, "1 prompts, 2 seeds"),
        ([], [], {}, "0 prompts"),
        (["hello"], [1], {"batch_size": 0}, "batch_size 0"),
    ],
)
def test_no_order_is_made_in_part(
    model: Text2Sign, prompts: list[str], seeds: list[int], changed: dict[str, Any], named: str
) -> None:
    with pytest.raises(UserError, match=named):
        model.generate(prompts, seeds, num_steps=1, **changed)


def test_the_largest_seed_still_works(model: Text2Sign) -> None:
    assert model("hello", seed=2**63 - 1, num_steps=1).seeds == [2**63 - 1]


@pytest.mark.parametrize("name", ["meta", "mps", "cuda:99", "gpu", "", "cpu\n"])
def test_an_unusable_device_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(UserError, match="device") as caught:
        resolve_device(name)
    assert "\n" not in str(caught.value)


def test_a_full_device_is_not_taken_for_a_bad_checkpoint(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(model: Text2Sign, device: torch.device) -> Text2Sign:
        raise torch.OutOfMemoryError("CUDA out of memory.\nOf the allocated memory …")

    monkeypatch.setattr(Text2Sign, "to", full)
    with pytest.raises(UserError, match=r"cannot be loaded onto cpu \(CUDA out of memory\.\); try another device"):
        Text2Sign.from_checkpoint(tiny_checkpoint, "cpu")


def test_weights_that_do_not_fit_their_own_config_are_refused(tmp_path: Path, tiny_checkpoint: Path) -> None:
    saved = load_checkpoint(tiny_checkpoint)
    config = saved.metadata["config"]
    wider = {**saved.metadata, "config": {**config, "model": {**config["model"], "width": 64}}}
    save_checkpoint(tmp_path / "m.safetensors", saved.tensors, wider)
    with pytest.raises(UserError, match=r"m\.safetensors: its weights do not fit its own config") as caught:
        Text2Sign.from_checkpoint(tmp_path / "m.safetensors")
    assert "\n" not in str(caught.value)


def test_a_checkpoint_from_before_a_key_loads_as_what_it_was(tmp_path: Path, tiny_checkpoint: Path) -> None:
    saved = load_checkpoint(tiny_checkpoint)
    config = saved.metadata["config"]
    without = {key: value for key, value in config["model"].items() if key not in BEFORE_THE_KEY}
    made = {}
    for name, model in {"without": without, "as it was": without | BEFORE_THE_KEY, "as now": config["model"]}.items():
        file = tmp_path / f"{name}.safetensors"
        save_checkpoint(file, saved.tensors, {**saved.metadata, "config": {**config, "model": model}})
        made[name] = Text2Sign.from_checkpoint(file)("hello", num_steps=2).frames
    assert np.array_equal(made["without"], made["as it was"])
    assert not np.array_equal(made["without"], made["as now"])
