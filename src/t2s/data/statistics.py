"""What pixels alone say of a clip: how sharp, how noisy, how much it moves, how much it flickers.

Every function takes clips (B, C, F, H, W) in [-1, 1], as a NumPy array or what NumPy can view as one, and
returns one float64 per clip, (B,). None of them knows a sign; compare their values with those of real clips.
"""

import numpy as np
import numpy.typing as npt

Clips = npt.NDArray[np.floating]
PerClip = npt.NDArray[np.float64]

GAUSSIAN_MAD = 0.6745  # median absolute deviation of a unit normal distribution


def high_frequency_energy(clips: Clips) -> PerClip:
    """Mean square of what a 3×3 binomial blur takes away: edges and noise alike. 0 for a flat picture."""
    x = _float(clips)
    blurred = _binomial(_binomial(x).swapaxes(-1, -2)).swapaxes(-1, -2)
    residual = x[..., 1:-1, 1:-1] - blurred
    return _mean(residual**2)


def noise_level(clips: Clips) -> PerClip:
    """Standard deviation of pixel noise, by the median of the finest diagonal wavelet detail.

    Edges are rare, so the median passes over them: near 0 for a clean drawing or a smooth photograph, σ for
    white noise of deviation σ (Donoho & Johnstone 1994, "Ideal spatial adaptation by wavelet shrinkage").
    """
    x = _float(clips)
    height, width = x.shape[-2] // 2 * 2, x.shape[-1] // 2 * 2
    x = x[..., :height, :width]
    diagonal = x[..., ::2, ::2] - x[..., ::2, 1::2] - x[..., 1::2, ::2] + x[..., 1::2, 1::2]
    magnitude = np.abs(diagonal / 2).reshape(len(x), -1)
    return np.median(magnitude, axis=1).astype(np.float64) / GAUSSIAN_MAD


def motion_energy(clips: Clips) -> PerClip:
    """Mean squared difference between neighbouring frames. 0 for a still."""
    return _mean(np.diff(_float(clips), axis=2) ** 2)


def flicker(clips: Clips) -> PerClip:
    """Mean of max(0, −d_f · d_{f+1}), d the differences of neighbouring frames: changes taken back at once.

    A pixel that an edge passes over once moves one way and adds nothing; one that blinks adds its square.
    White noise of deviation σ on a still gives (2/3 + √3/π) σ² ≈ 1.22 σ².
    """
    step = np.diff(_float(clips), axis=2)
    return _mean(np.maximum(0, -step[:, :, :-1] * step[:, :, 1:]))


def _float(clips: Clips) -> npt.NDArray[np.float32]:
    return np.asarray(clips, dtype=np.float32)


def _binomial(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """[1, 2, 1] / 4 along the last axis, of pixels with two neighbours alone: it gets two shorter."""
    smoothed: npt.NDArray[np.float32] = (x[..., :-2] + 2 * x[..., 1:-1] + x[..., 2:]) / np.float32(4)
    return smoothed


def _mean(values: npt.NDArray[np.float32]) -> PerClip:
    means: PerClip = values.reshape(len(values), -1).mean(axis=1, dtype=np.float64)
    return means
