"""What stands behind the avatar: a colour or an image."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageColor, ImageOps

from emogene.errors import EmoGeneError


def read_background(background: str | Path, size: int) -> np.ndarray:
    """A colour (``white``, ``#1f3a5f``, ``rgb(31,58,95)``) or an image file, ``-> [size, size, 3]`` uint8
    sRGB.

    An image is cropped to a square about its centre. Raises EmoGeneError where it is neither.
    """
    if Path(background).is_file():
        try:
            with Image.open(background) as image:
                upright = ImageOps.exif_transpose(image).convert("RGB")
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            raise EmoGeneError(f"{background}: is not an image that can be read") from None
        return np.asarray(ImageOps.fit(upright, (size, size), Image.Resampling.LANCZOS))
    try:
        colour = ImageColor.getrgb(str(background))[:3]
    except ValueError:
        raise EmoGeneError(
            f"background {str(background)!r}: neither a colour (white, #1f3a5f) nor an image file"
        ) from None
    return np.full((size, size, 3), colour, np.uint8)
