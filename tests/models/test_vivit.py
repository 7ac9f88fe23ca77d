"""The denoiser: places, frames and prompts matter as they should, and each of the seed's fixes is a real switch."""

from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool3d

from t2s.diffusion.schedule import Schedule, add_noise, cosine
from t2s.thinned import Thinned, averaged

ATTENTION = ("joint", "factorised")
PROJECTIONS = ("linear", "two_layer", "seed")


def swapped_patches(x: Tensor) -> Tensor:
    """The first and the last 4×4 patch of every frame change places."""
    result = x.clone()
    result[..., :4, :4], result[..., 4:, 4:] = x[..., 4:, 4:], x[..., :4, :4]
    return result


def swapped_tubelets(x: Tensor) -> Tensor:
    """The two tubelets of two frames change places."""
    return x[:, :, [2, 3, 0, 1]]


SWAPS = {"patches": swapped_patches, "tubelets": swapped_tubelets}


@pytest.mark.parametrize(
    ("attention", "projection", "residual"), list(product(ATTENTION, PROJECTIONS, ("none", "legacy", "blend")))
)
def test_every_combination_of_switches_predicts_a_clip(
    make_vivit, x_t, t, ids, attention, projection, residual
) -> None:
    model = make_vivit(attention=attention, projection=projection, residual=residual)
    prediction = model(x_t, t, ids)
    assert prediction.shape == x_t.shape
    assert prediction.dtype == torch.float32
    assert prediction.isfinite().all()


@pytest.mark.parametrize(("attention", "projection"), list(product(ATTENTION, PROJECTIONS)))
def test_a_fresh_model_is_silent(make_vivit, x_t, t, ids, attention, projection) -> None:
    model = make_vivit(stirred=False, attention=attention, projection=projection)
    assert torch.equal(model(x_t, t, ids), torch.zeros_like(x_t))


@pytest.mark.parametrize(("attention", "swap"), list(product(ATTENTION, SWAPS.values())))
def test_without_positions_the_output_follows_the_swap_exactly(make_vivit, x_t, t, ids, attention, swap) -> None:
    """The patch grid is cut and put together without scrambling: the ancestor's was not."""
    model = make_vivit(attention=attention)
    with torch.no_grad():
        model.patches.space.zero_()
        model.patches.time.zero_()
    torch.testing.assert_close(model(swap(x_t), t, ids), swap(model(x_t, t, ids)), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("attention", "swap"), list(product(ATTENTION, SWAPS.values())))
def test_with_positions_place_and_time_matter(make_vivit, x_t, t, ids, attention, swap) -> None:
    model = make_vivit(attention=attention)
    straight, turned = model(x_t, t, ids), model(swap(x_t), t, ids)
    assert (turned - straight).abs().max() > 1e-2
    assert (turned - swap(straight)).abs().max() > 1e-2


@pytest.mark.parametrize("attention", ATTENTION)
def test_swapped_prompts_swap_the_outputs(make_vivit, x_t, ids, attention) -> None:
    model = make_vivit(attention=attention)
    twins, t = x_t[:1].expand(2, -1, -1, -1, -1), torch.tensor([30, 30])
    straight, turned = model(twins, t, ids), model(twins, t, ids.flip(0))
    torch.testing.assert_close(turned, straight.flip(0), atol=1e-4, rtol=1e-4)
    assert (straight[0] - straight[1]).abs().max() > 1e-2


@pytest.mark.parametrize("attention", ATTENTION)
def test_word_order_matters_and_so_does_time(make_vivit, x_t, t, attention) -> None:
    model = make_vivit(attention=attention)
    one, other = (model(x_t, t, torch.tensor([words, words])) for words in ([2, 3, 0, 0], [3, 2, 0, 0]))
    assert (one - other).abs().max() > 1e-4
    ids = torch.tensor([[2, 0, 0, 0]] * 2)
    assert (model(x_t, t, ids) - model(x_t, t + 1, ids)).abs().max() > 1e-4


@pytest.mark.parametrize(("attention", "depth"), list(product(ATTENTION, (0, 1))))
def test_padding_does_not_matter(make_vivit, x_t, t, ids, attention, depth) -> None:
    model = make_vivit(
        attention=attention, text={"tokenizer": "word", "vocab_size": 64, "max_length": 4, "depth": depth}
    )
    before = model(x_t, t, ids)
    with torch.no_grad():
        model.text.tokens.weight[0] += 100.0
        model.text.positions[2:] += 100.0
    torch.testing.assert_close(model(x_t, t, ids), before, atol=1e-4, rtol=1e-4)


def test_prompts_reach_the_blocks_both_pooled_and_as_tokens(make_vivit, x_t, t, ids) -> None:
    """Cut either way and the other still carries the prompt."""
    other = ids.flip(0)
    for cut in ("pooled", "tokens"):
        model = make_vivit()
        with torch.no_grad():
            if cut == "tokens":
                for block in model.blocks:
                    block.attention.prompt_kv.weight.zero_()
            else:
                plain = model.text.forward
                model.text.forward = lambda ids, plain=plain: (lambda x, p, c: (x, 0 * p, c))(*plain(ids))
        assert (model(x_t, t, ids) - model(x_t, t, other)).abs().max() > 1e-4, cut


def test_clips_of_a_batch_do_not_see_each_other(make_vivit, x_t, t, ids) -> None:
    for attention, projection in product(ATTENTION, PROJECTIONS):
        model = make_vivit(attention=attention, projection=projection)
        alone = model(x_t[:1], t[:1], ids[:1])
        torch.testing.assert_close(model(x_t, t, ids)[:1], alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_a_factorised_model_at_temporal_weight_0_passes_nothing_between_tubelets(
    make_vivit, x_t, t, ids, projection
) -> None:
    nudged = x_t.clone()
    nudged[:, :, :2] += 1.0
    for weight, leaks in ((0.0, False), (0.1, True), (0.5, True)):
        model = make_vivit(attention="factorised", depth=2, temporal_weight=weight, projection=projection)
        before, after = model(x_t, t, ids), model(nudged, t, ids)
        assert not torch.equal(before[:, :, :2], after[:, :, :2])
        assert torch.equal(before[:, :, 2:], after[:, :, 2:]) != leaks


@pytest.mark.parametrize("attention", ATTENTION)
def test_the_temporal_weight_visibly_acts(make_vivit, x_t, t, ids, attention) -> None:
    outputs = [make_vivit(attention=attention, temporal_weight=weight)(x_t, t, ids) for weight in (0.0, 0.1, 0.5)]
    weak, strong = ((outputs[i] - outputs[0]).abs().mean() for i in (1, 2))
    assert weak > 1e-4
    assert strong > 2 * weak


def test_output_scale_starts_at_a_half_and_scales_the_output(make_vivit, x_t, t, ids) -> None:
    model = make_vivit(stirred=False)
    assert model.output_scale.tolist() == [0.5]
    assert make_vivit(stirred=False, output_scale=1.0).output_scale.tolist() == [1.0]
    assert make_vivit(output_scale=None).output_scale is None
    model = make_vivit()
    before = model(x_t, t, ids)
    with torch.no_grad():
        model.output_scale *= 3
    torch.testing.assert_close(model(x_t, t, ids), 3 * before)


@pytest.mark.parametrize(("value", "kept"), [(0.01, 0.1), (50.0, 10.0), (0.7, 0.7), (-1.0, 0.1)])
def test_the_clamp_holds_output_scale_in_its_range(make_vivit, value, kept) -> None:
    model = make_vivit(output_scale_range=[0.1, 10.0])
    with torch.no_grad():
        model.output_scale.fill_(value)
    model.clamp_output_scale()
    assert model.output_scale.item() == pytest.approx(kept)
    free = make_vivit()
    with torch.no_grad():
        free.output_scale.fill_(value)
    free.clamp_output_scale()
    assert free.output_scale.item() == pytest.approx(value)


def test_the_legacy_residual_adds_the_noisy_input(make_vivit, x_t, t, ids) -> None:
    clean, harmed = make_vivit(residual="none"), make_vivit(residual="legacy")
    torch.testing.assert_close(harmed(x_t, t, ids), clean(x_t, t, ids) + x_t)


def test_a_fresh_legacy_model_is_the_copy_network_the_seeds_numbers_betray(make_vivit, ids) -> None:
    """Its eps-MSE is abar·E[x0²] + (1 - s)² at every t: 1.92 at t = 0 and 0.001 at t = 48 for E[x0²] = 1."""
    schedule = Schedule(cosine(50))
    model = make_vivit(
        stirred=False, prediction_type="epsilon", residual="legacy", output_scale=None, projection="two_layer",
        temporal_weight=0.1,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    t = torch.arange(50)
    x0 = torch.rand(50, 3, 4, 8, 8, generator=generator) * 2 - 1
    x0 *= x0.square().mean((1, 2, 3, 4), keepdim=True).rsqrt()
    eps = torch.randn(x0.shape, generator=generator)
    with torch.inference_mode():
        predicted = model(add_noise(schedule, x0, eps, t), t, ids[:1].expand(50, -1))
    measured = (predicted - eps).square().flatten(1).mean(1).double()
    expected = schedule.alphas_cumprod + (1 - schedule.noise) ** 2
    # 768 numbers a clip: cross terms and E[eps²] deviate from their means by 1/sqrt(768)
    assert ((measured - expected).abs() < 0.25 * expected.sqrt() + 1e-3).all()
    assert measured[0].item() == pytest.approx(1.92, abs=0.15)
    assert measured[48].item() < 0.002


@pytest.mark.parametrize("attention", ATTENTION)
def test_gradient_checkpointing_changes_no_gradient(make_vivit, x_t, t, ids, attention) -> None:
    gradients = []
    for saving in (False, True):
        model = make_vivit(attention=attention, depth=2, gradient_checkpointing=saving).train()
        model(x_t, t, ids).square().mean().backward()
        gradients.append({name: parameter.grad for name, parameter in model.named_parameters()})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient)


def test_every_parameter_learns(make_vivit, x_t, t, ids) -> None:
    null = torch.cat([ids[:1], torch.zeros_like(ids[:1])])
    for attention, residual in product(ATTENTION, ("none", "blend")):
        model = make_vivit(attention=attention, residual=residual, depth=2).train()
        model(x_t, t, null).square().mean().backward()
        idle = [name for name, each in model.named_parameters() if each.grad is None or not each.grad.any()]
        assert idle == []


@pytest.mark.parametrize("attention", ATTENTION)
def test_bf16_autocast_stays_close_and_returns_float32(make_vivit, x_t, t, ids, attention) -> None:
    model = make_vivit(attention=attention, projection="seed", residual="blend")
    exact = model(x_t, t, ids)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = model(x_t, t, ids)
    assert rough.dtype == torch.float32
    assert (rough - exact).abs().mean() < 0.03 * exact.abs().mean()


class FrozenEncoder(nn.Module):
    """A pretrained encoder's stand-in: fixed vectors, no gradient, `TextEncoder` and nothing else."""

    def forward(self, prompt_ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        angles = prompt_ids.unsqueeze(-1) * torch.arange(1, 33) / 32
        counts = torch.ones_like(prompt_ids, dtype=torch.bool)
        return angles.sin(), angles.sin().mean(1), counts


@pytest.mark.parametrize("attention", ATTENTION)
def test_a_frozen_text_encoder_can_take_the_place_of_ours(make_vivit, x_t, t, ids, attention) -> None:
    model = make_vivit(attention=attention, text_encoder=FrozenEncoder())
    assert not [name for name, _ in model.named_parameters() if name.startswith("text.")]
    assert (model(x_t, t, ids) - model(x_t, t, ids.flip(0))).abs().max() > 1e-3
    long_prompt = torch.arange(18).view(2, 9)  # its own length, not ours
    assert model(x_t, t, long_prompt).shape == x_t.shape


def test_a_pooled_input_shows_the_trunk_averages_and_the_projection_everything(make_vivit, x_t, t, ids) -> None:
    detail = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(4, 4)  # averages to nothing over 2×2 pixels
    blind = make_vivit(input_pool=2)
    torch.testing.assert_close(blind(x_t + detail, t, ids), blind(x_t, t, ids), atol=1e-4, rtol=1e-4)
    assert (blind(x_t + 1.0, t, ids) - blind(x_t, t, ids)).abs().max() > 1e-2
    seeing = make_vivit(input_pool=2, projection="seed", projection_width=32, projection_sees_input=True)
    assert (seeing(x_t + detail, t, ids) - seeing(x_t, t, ids)).abs().max() > 1e-2


@pytest.mark.parametrize("attention", ATTENTION)
def test_a_coarse_clip_is_answered_at_its_own_size_by_the_coarse_part_of_the_answer(
    make_vivit, x_t, t, ids, attention
) -> None:
    model = make_vivit(attention=attention, input_pool=2, projection="seed", projection_shortcut=True)
    coarse = model(avg_pool3d(x_t, (1, 2, 2)), t, ids)
    assert coarse.shape == (2, 3, 4, 4, 4)
    with torch.no_grad():
        for parameter in model.projection.convolve.parameters():
            parameter.zero_()
    upsampled = coarse.repeat_interleave(2, -1).repeat_interleave(2, -2)
    torch.testing.assert_close(model(x_t, t, ids), upsampled, atol=1e-4, rtol=1e-4)


def test_dropout_only_acts_in_training(make_vivit, x_t, t, ids) -> None:
    model = make_vivit(dropout=0.5, projection="seed")
    assert torch.equal(model(x_t, t, ids), model(x_t, t, ids))
    model.train()
    assert not torch.equal(model(x_t, t, ids), model(x_t, t, ids))


@pytest.mark.parametrize("projection", ["seed", "linear"])
@pytest.mark.parametrize("residual", ["none", "blend", "legacy"])
@pytest.mark.parametrize("pool", [1, 2])
def test_frames_seen_alone_are_answered_as_among_all(make_vivit, x_t, t, ids, residual, projection, pool) -> None:
    model = make_vivit(projection=projection, residual=residual, input_pool=pool).eval()
    frames = slice(1, None, model.config.tubelet_size)
    some = model(x_t[:, :, frames], t, ids, Thinned(frames, averaged(x_t, pool)))
    torch.testing.assert_close(some, model(x_t, t, ids)[:, :, frames], rtol=1e-4, atol=1e-5)
