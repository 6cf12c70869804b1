"""What stands behind the avatar: a colour, a picture, or its own background."""

import os

import numpy as np
from PIL import Image, ImageColor, ImageOps

from emogene.errors import EmoGeneError

LARGEST = Image.MAX_IMAGE_PIXELS or 89_478_485
"""Pixels; Pillow warns of larger ones, as they may be made to fill the memory."""
DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N", "I")
"""Pillow's modes of grey with 16 bits, which its own conversion cuts off at 255."""

Background = str | os.PathLike[str] | np.ndarray | None


def read_background(background: Background, size: int, own: np.ndarray) -> np.ndarray:
    """A colour (``white``, ``#1f3a5f``, ``rgb(31,58,95)``), an image file or a picture ``[H, W, 3 or 4]``,
    both uint8, ``-> [size, size, 3]`` uint8 sRGB.

    Pictures are cropped to a square about their centre. Where they are transparent, and where there is none,
    ``own [H, W, 3]`` uint8 is seen, the avatar's. Raises EmoGeneError, one line.
    """
    behind = _square(Image.fromarray(own), size).convert("RGB")
    if background is None:
        return np.asarray(behind)
    if isinstance(background, np.ndarray):
        front = Image.fromarray(background).convert("RGBA")
    elif os.path.isfile(background):
        front = _read(background)
    else:
        front = _colour(str(background), size)
    return np.asarray(Image.alpha_composite(behind.convert("RGBA"), _square(front, size)).convert("RGB"))


def check_background(background: Background, size: int) -> None:
    """EmoGeneError for what :func:`read_background` cannot read."""
    read_background(background, size, np.zeros((1, 1, 3), np.uint8))


def _square(image: Image.Image, size: int) -> Image.Image:
    return ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)


def _colour(text: str, size: int) -> Image.Image:
    try:
        return Image.new("RGBA", (size, size), ImageColor.getcolor(text, "RGBA"))
    except ValueError:
        raise EmoGeneError(
            f"background {text!r}: neither a colour (white, #1f3a5f) nor an image file"
        ) from None


def _read(path: str | os.PathLike[str]) -> Image.Image:
    """RGBA, upright."""
    try:
        with Image.open(path) as image:
            if image.width * image.height > LARGEST:
                raise Image.DecompressionBombError
            return _eight_bits(ImageOps.exif_transpose(image)).convert("RGBA")
    except Image.DecompressionBombError:
        most = LARGEST // 10**6
        raise EmoGeneError(f"{path}: is too large, more than {most} megapixels; make it smaller") from None
    except (OSError, SyntaxError, ValueError):
        raise EmoGeneError(f"{path}: is not an image that can be read") from None


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits rounded to 8."""
    if image.mode not in DEEP_GREY:
        return image
    deep = np.asarray(image).astype(np.float32)
    return Image.fromarray((deep.clip(0, 65535) / 257).round().astype(np.uint8))
