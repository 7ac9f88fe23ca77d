"""Who signs: looks, build and manner of one person, drawn from a seed."""

import colorsys
from dataclasses import dataclass
from typing import Self

import numpy as np

Colour = tuple[int, int, int]  # RGB

SKINS: tuple[Colour, ...] = (
    (247, 214, 190), (238, 196, 165), (226, 178, 142), (204, 152, 114),
    (176, 124, 88), (146, 98, 68), (118, 78, 56),
)  # fmt: skip
HAIRS: tuple[Colour, ...] = (
    (32, 26, 26), (58, 40, 32), (92, 60, 38), (138, 90, 48),
    (196, 156, 92), (158, 72, 40), (150, 150, 154),
)  # fmt: skip
HAIR_STYLES = ("short", "long", "bun", "curly", "buzz", "bob")
LEFT_HANDED_SHARE = 0.12
_APPEARANCE_STREAM = 1  # keeps a signer's looks apart from the performances drawn from the same seed


@dataclass(frozen=True)
class Signer:
    """One person. Lengths are factors or, for the place, shares of the picture's width."""

    seed: int
    index: int
    skin: Colour
    hair: Colour
    hair_style: str
    shirt: Colour
    long_sleeves: bool
    background: tuple[Colour, Colour]  # top, bottom
    size: float
    place: tuple[float, float]
    head_width: float
    tempo: float
    amplitude: float
    left_handed: bool

    @classmethod
    def sample(cls, seed: int, index: int) -> Self:
        """Signer `index` of the population `seed`; independent of every other signer."""
        rng = np.random.default_rng(np.random.SeedSequence((seed, index, _APPEARANCE_STREAM)))
        skin = _vary(SKINS[rng.integers(len(SKINS))], rng)
        return cls(
            seed=seed,
            index=index,
            skin=skin,
            hair=_vary(HAIRS[rng.integers(len(HAIRS))], rng),
            hair_style=HAIR_STYLES[rng.integers(len(HAIR_STYLES))],
            shirt=_shirt(skin, rng),
            long_sleeves=bool(rng.random() < 0.5),
            background=_background(rng),
            size=rng.uniform(0.93, 1.07),
            place=(rng.uniform(-0.03, 0.03), rng.uniform(-0.025, 0.025)),
            head_width=rng.uniform(0.94, 1.06),
            tempo=rng.uniform(0.92, 1.10),
            amplitude=rng.uniform(0.92, 1.08),
            left_handed=bool(rng.random() < LEFT_HANDED_SHARE),
        )


def brightness(colour: Colour) -> float:
    """Luma in [0, 255] (ITU-R BT.601)."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def shade(colour: Colour, factor: float) -> Colour:
    """Toward black (factor < 1) or white (factor > 1)."""
    target, share = (0, 1 - factor) if factor < 1 else (255, factor - 1)
    red, green, blue = (round(channel + share * (target - channel)) for channel in colour)
    return red, green, blue


def _vary(colour: Colour, rng: np.random.Generator) -> Colour:
    return shade(colour, rng.uniform(0.94, 1.06))


def _hsv(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = (round(255 * channel) for channel in colorsys.hsv_to_rgb(hue, saturation, value))
    return red, green, blue


def _shirt(skin: Colour, rng: np.random.Generator) -> Colour:
    """Plain, dark, and well below the skin in brightness, as signers dress: hands show before the torso."""
    hue, saturation = rng.uniform(0.42, 0.80), rng.uniform(0.35, 0.75)
    value = rng.uniform(0.20, 0.36) if brightness(skin) > 120 else rng.uniform(0.12, 0.22)
    return _hsv(hue, saturation, value)


def _background(rng: np.random.Generator) -> tuple[Colour, Colour]:
    hue, saturation, value = rng.uniform(0, 1), rng.uniform(0.04, 0.14), rng.uniform(0.76, 0.90)
    return _hsv(hue, saturation, min(1.0, value + 0.05)), _hsv(hue, saturation, value - 0.04)
