"""The person in front of a blue or green screen: soft alpha and colours free of the screen's light."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import (
    binary_dilation,
    binary_erosion,
    gaussian_filter,
    grey_erosion,
    label,
    uniform_filter,
)

from emogene.avatar.capture.video import LUMA, smooth_chroma
from emogene.errors import EmoGeneError


@dataclass(frozen=True)
class Matte:
    """``colour [H, W, 3]`` of the person (not premultiplied) and ``alpha [H, W]``, float32 in 0..1."""

    colour: np.ndarray
    alpha: np.ndarray


def screen_key(frame: np.ndarray) -> np.ndarray:
    """How much bluer and greener than red, ``[..., 3] -> [...]``: high on the screen, <= 0 on skin."""
    return np.minimum(frame[..., 1], frame[..., 2]) - frame[..., 0]


def screen_surface(frame: np.ndarray, certain: np.ndarray, degree: int = 4) -> np.ndarray:
    """The empty screen ``[H, W, 3]``: a polynomial through its ``certain [H, W]`` pixels."""
    height, width = certain.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    powers = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    basis = np.stack([x**i * y**j for i, j in powers], -1).astype(np.float32)
    chosen = np.flatnonzero(certain)[::7]
    design, colours = basis.reshape(-1, len(powers))[chosen], frame.reshape(-1, 3)[chosen]
    ridge = 1e-3 * len(chosen) * np.eye(len(powers), dtype=np.float32) * 1e-2
    coefficients = np.linalg.solve(design.T @ design + ridge, design.T @ colours)
    return np.clip(basis @ coefficients, 0, 1)


def screen_matte(frame: np.ndarray) -> Matte:
    """Cut the person out of ``frame [H, W, 3]`` (float32, 0..1).

    The key of a mixed pixel lies between the screen's and the nearby person's: that gives alpha, and luma
    sharpens it. In the rim the colour is the nearby person's, so no light of the screen is left there.
    """
    key = screen_key(frame)
    certain = key > 0.25
    if certain.mean() < 0.2:
        raise EmoGeneError("no blue screen behind the person; record in front of an even blue background.")
    screen = screen_surface(frame, certain)
    share = key / np.maximum(screen_key(screen), 0.15)
    person = _largest(share < 0.45)
    inside = binary_erosion(person, iterations=3, border_value=1)
    near = binary_dilation(person, iterations=5)
    own = _spread(share[..., None], inside, sigma=2.0)[..., 0]
    alpha = np.clip((1 - share) / (1 - np.minimum(own, 0.5)), 0, 1)
    alpha = _follow_luma(alpha, frame @ LUMA)
    alpha = np.clip((alpha - 0.25) / 0.65, 0, 1)
    alpha = np.where(inside, 1, np.where(near, alpha, 0)).astype(np.float32)
    clean = _despill(smooth_chroma(frame, inside), inside)
    colour = np.where(inside[..., None], clean, _spread(clean, inside, sigma=1.5))
    return Matte(colour.astype(np.float32), alpha)


def choked(matte: Matte, pixels: int = 1) -> Matte:
    """The matte drawn in by ``pixels`` and softened by half as much; its rim coloured from the inside.

    What a key leaves of the screen is in the outermost pixel.
    """
    side = 2 * pixels + 1
    alpha = gaussian_filter(grey_erosion(matte.alpha, size=(side, side)), 0.5 * pixels)
    inside = alpha > 0.97
    rim = _spread(matte.colour, inside, sigma=1.5 * pixels, wider=(1, 2, 4))
    return Matte(np.where(inside[..., None], matte.colour, rim), alpha)


def _despill(frame: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Take away the blue and green by which a pixel near the rim exceeds the person deeper inside."""
    key = screen_key(frame)
    deep = binary_erosion(person, iterations=5, border_value=1)
    own = np.maximum(_spread(key[..., None], deep, sigma=4.0)[..., 0], 0)
    excess = np.where(deep, 0, np.maximum(key - own, 0))
    return frame - excess[..., None] * np.array([0, 1, 1], np.float32)


def _follow_luma(alpha: np.ndarray, luma: np.ndarray, radius: int = 2, epsilon: float = 1e-3) -> np.ndarray:
    """Guided filter of alpha by luma: chroma is coarse, the outline is in the luma."""
    size = 2 * radius + 1

    def mean(x: np.ndarray) -> np.ndarray:
        return uniform_filter(x, size, mode="nearest")

    luma_mean, alpha_mean = mean(luma), mean(alpha)
    slope = (mean(luma * alpha) - luma_mean * alpha_mean) / (mean(luma * luma) - luma_mean**2 + epsilon)
    return mean(slope) * luma + mean(alpha_mean - slope * luma_mean)


def _largest(mask: np.ndarray) -> np.ndarray:
    """The largest connected piece."""
    pieces = np.empty(mask.shape, np.int32)
    if label(mask, output=pieces) == 0:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return pieces == sizes.argmax()


def _spread(
    frame: np.ndarray, known: np.ndarray, sigma: float, wider: tuple[int, ...] = (1, 3, 12)
) -> np.ndarray:
    """Colours of the ``known`` pixels carried outwards by normalised convolution at growing widths."""
    result = np.zeros_like(frame)
    filled = np.zeros(known.shape, bool)
    for width in (sigma * factor for factor in wider):
        weight = gaussian_filter(known.astype(np.float32), width)
        blurred = np.stack([gaussian_filter(plane * known, width) for plane in np.moveaxis(frame, -1, 0)], -1)
        reached = (weight > 1e-3) & ~filled
        result[reached] = blurred[reached] / weight[reached, None]
        filled |= reached
    return result
