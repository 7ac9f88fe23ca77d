"""The final projections: the seed's layers in the seed's order, patches in their places."""

import pytest
import torch
from torch import nn

from t2s.models.projection import ConvProjection, LinearProjection, PointwiseConv, group_count

WIDTH, CHANNELS, TUBELET, PATCH, GRID = 8, 3, 2, 4, 2


def conv(
    depth: int,
    *,
    feature_dim: int = 16,
    taper: bool = True,
    stride: int = 1,
    sees_input: bool = False,
    shortcut: bool = False,
) -> ConvProjection:
    return ConvProjection(
        WIDTH, CHANNELS, TUBELET, PATCH, GRID, feature_dim=feature_dim, taper=taper, depth=depth, stride=stride,
        dropout=0.2, sees_input=sees_input, shortcut=shortcut,
    )  # fmt: skip


def projections() -> dict[str, nn.Module]:
    return {
        "linear": LinearProjection(WIDTH, CHANNELS, TUBELET, PATCH, GRID),
        "two_layer": conv(2),
        "seed": conv(3),
        "seed, stride 2": conv(3, stride=2),
        "seed, no taper": conv(3, stride=2, taper=False),
        "seed, stride 4, sees x_t": conv(3, feature_dim=64, stride=4, sees_input=True),
        "seed, stride 2, shortcut": conv(3, stride=2, shortcut=True),
    }


@pytest.mark.parametrize(("channels", "groups"), [(64, 8), (8, 8), (12, 4), (4, 4), (6, 2), (2, 2), (7, 1), (1, 1)])
def test_group_count_is_the_largest_of_8_4_2_1_that_divides(channels: int, groups: int) -> None:
    assert group_count(channels) == groups


def test_the_seeds_projection_has_the_seeds_layers() -> None:
    """vivit-fixes.md, fix 4: conv-GN-GELU-Dropout2d(dropout / 2)-conv-GN-GELU-conv1x1 over G, G/2, G/4."""
    layers = list(conv(3).convolve)
    kinds = [nn.Conv2d, nn.GroupNorm, nn.GELU, nn.Dropout2d, nn.Conv2d, nn.GroupNorm, nn.GELU, PointwiseConv]
    assert [type(layer) for layer in layers] == kinds
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    assert [(c.in_channels, c.out_channels, c.kernel_size[0]) for c in convolutions] == [
        (16, 8, 3),
        (8, 4, 3),
        (4, CHANNELS, 1),
    ]
    assert layers[3].p == pytest.approx(0.1)
    untapered = [layer.out_channels for layer in conv(3, taper=False).convolve if isinstance(layer, nn.Conv2d)]
    assert untapered == [16, 16, CHANNELS]
    assert [layer.num_groups for layer in layers if isinstance(layer, nn.GroupNorm)] == [8, 4]


def test_the_ancestors_projection_has_two_layers() -> None:
    kinds = [nn.Conv2d, nn.GroupNorm, nn.GELU, PointwiseConv]
    assert [type(layer) for layer in conv(2).convolve] == kinds


@pytest.mark.parametrize("name", list(projections()))
def test_a_token_becomes_its_own_frames_and_only_places_near_its_patch(name: str, stir) -> None:
    projection = stir(projections()[name]).eval()
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(1, 2, GRID**2, WIDTH, generator=generator)
    x_t = torch.randn(1, CHANNELS, 2 * TUBELET, GRID * PATCH, GRID * PATCH, generator=generator)
    nudged = tokens.clone()
    nudged[0, 1, 2] += 1.0  # second tubelet, second row, first column
    change = (projection(nudged, x_t) - projection(tokens, x_t)).abs()
    assert change.shape == x_t.shape
    assert change[:, :, :TUBELET].max() == 0
    inside = change[:, :, TUBELET:, PATCH:, :PATCH].mean()
    assert inside > 1e-3
    if name == "linear":
        assert change[:, :, TUBELET:, :PATCH].max() == 0
        assert change[:, :, TUBELET:, :, PATCH:].max() == 0
    elif "stride 4" not in name:  # convolutions bleed over the border, and GroupNorm over the frame, but less
        assert inside > change[:, :, TUBELET:, :PATCH, PATCH:].mean()


@pytest.mark.parametrize("name", [name for name in projections() if "shortcut" not in name])
def test_every_projection_starts_silent(name: str) -> None:
    projection = projections()[name]
    assert not projection(torch.randn(2, 2, GRID**2, WIDTH), torch.randn(2, CHANNELS, 4, 8, 8)).any()


def test_the_shortcut_starts_as_a_coarse_picture_with_one_colour_a_cell() -> None:
    projection, tokens = conv(3, stride=2, shortcut=True), torch.randn(2, 2, GRID**2, WIDTH)
    picture = projection(tokens, torch.zeros(2, CHANNELS, 4, 8, 8))
    colours = picture[..., ::2, ::2]
    assert torch.equal(picture, colours.repeat_interleave(2, -1).repeat_interleave(2, -2))
    assert len(colours.unique()) > colours.numel() / 2
    torch.testing.assert_close(projection(3 * tokens, picture).std(), 3 * picture.std(), rtol=0.3, atol=0)


@pytest.mark.parametrize(("sees_input", "matters"), [(False, False), (True, True)])
def test_only_a_projection_that_sees_the_input_depends_on_it(sees_input: bool, matters: bool, stir) -> None:
    projection = stir(conv(3, feature_dim=32, stride=2, sees_input=sees_input)).eval()
    tokens = torch.randn(1, 2, GRID**2, WIDTH)
    one, other = (projection(tokens, torch.full((1, CHANNELS, 4, 8, 8), value)) for value in (0.0, 1.0))
    assert torch.equal(one, other) != matters


def test_the_input_it_sees_is_in_register_with_its_features(stir) -> None:
    """A pixel of x_t changes the frame it stands in and not the others."""
    projection = stir(conv(2, feature_dim=32, stride=2, sees_input=True)).eval()
    tokens, x_t = torch.zeros(1, 2, GRID**2, WIDTH), torch.zeros(1, CHANNELS, 4, 8, 8)
    nudged = x_t.clone()
    nudged[:, :, 1, 0, 7] = 3.0
    change = (projection(tokens, nudged) - projection(tokens, x_t)).abs().amax((0, 1))
    assert change[[0, 2, 3]].max() == 0
    assert change[1, :2, 6:].mean() > change[1, 4:, :4].mean()


@pytest.mark.parametrize("name", projections())
@pytest.mark.parametrize(("first", "every"), [(0, TUBELET), (1, TUBELET), (0, 3 * TUBELET), (3, 3 * TUBELET)])
def test_frames_drawn_alone_are_drawn_as_among_all(name: str, first: int, every: int) -> None:
    torch.manual_seed(0)
    projection = projections()[name].eval()
    with torch.no_grad():
        for weights in projection.parameters():  # the last layer starts silent
            weights += 0.1 * torch.randn_like(weights)
    tokens = torch.randn(2, 3, GRID**2, WIDTH)
    x_t = torch.randn(2, CHANNELS, 3 * TUBELET, GRID * PATCH, GRID * PATCH)
    frames = slice(first, None, every)
    everything, some = projection(tokens, x_t), projection(tokens, x_t[:, :, frames], frames)
    assert some.abs().max() > 0
    torch.testing.assert_close(some, everything[:, :, first::every], rtol=1e-4, atol=1e-5)


def test_a_pointwise_convolution_is_the_convolution_of_one_pixel() -> None:
    torch.manual_seed(0)
    product = PointwiseConv(6, 4).double()
    x = torch.randn(3, 6, 5, 5, dtype=torch.float64, requires_grad=True)
    learned = (x, product.weight, product.bias)
    found, expected = (
        (made, *torch.autograd.grad(made.square().sum(), learned))
        for made in (product(x), nn.functional.conv2d(*learned))
    )
    torch.testing.assert_close(found, expected)
