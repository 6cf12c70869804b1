"""Which pixels move with the head: above and inside the jaw line, fading out over the upper neck."""

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import distance_transform_edt

EAR_LOBES = (3, 13)  # jaw points at the height of the ear lobes
SIDEWAYS = 4.0  # the collar is beside the neck: the layer fades faster to the sides than downwards


def head_layer(points: np.ndarray, size: int, start: float = 0.012, fade: float = 0.06) -> np.ndarray:
    """Share of the head layer ``[size, size]`` in 0..1, from the 68 points ``[68, 2 or 3]`` in pixels.

    1 above the line through the ear lobes and inside the jaw line; below, it falls smoothly to 0 between
    ``start`` and ``start + fade`` image heights away. The torso is seen through it, so that no seam shows.
    """
    right, left = points[EAR_LOBES[0], :2], points[EAR_LOBES[1], :2]
    slope = (left[1] - right[1]) / (left[0] - right[0])
    edge = [(x, right[1] + slope * (x - right[0])) for x in (0, size)]
    region = Image.new("1", (size, size))
    draw = ImageDraw.Draw(region)
    draw.polygon([(0, 0), edge[0], edge[1], (size, 0)], fill=1)
    draw.polygon([tuple(p) for p in points[:17, :2]], fill=1)
    distance = np.asarray(distance_transform_edt(~np.asarray(region), sampling=(1, SIDEWAYS)))
    share = np.clip(1 - (distance / size - start) / fade, 0, 1)
    return (share * share * (3 - 2 * share)).astype(np.float32)


def face_region(points: np.ndarray, size: int) -> np.ndarray:
    """The face's interior ``[size, size]`` bool: jaw line and brows."""
    region = Image.new("1", (size, size))
    outline = np.concatenate([points[:17, :2], points[26:16:-1, :2]])
    ImageDraw.Draw(region).polygon([tuple(p) for p in outline], fill=1)
    return np.asarray(region)


def part_region(points: np.ndarray, part: slice, size: int, margin: float = 0.25) -> np.ndarray:
    """The box of a part ``[size, size]`` bool, its width widened by ``margin`` on every side."""
    corner, end = points[part, :2].min(0), points[part, :2].max(0)
    grow = margin * (end[0] - corner[0]) / 2
    x, y = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5)
    wide = (x > corner[0] - grow) & (x < end[0] + grow)
    return wide & (y > corner[1] - grow) & (y < end[1] + grow)
