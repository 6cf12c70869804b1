"""A contact sheet: titled pictures in a grid."""

from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFont

INK, PAPER = (32, 38, 48), (250, 250, 248)


def contact_sheet(pictures: Mapping[str, np.ndarray], columns: int = 4, gap: int = 12) -> np.ndarray:
    """Titles and pictures ``[H, W, 3]`` uint8, all of one size, ``-> [height, width, 3]`` uint8 sRGB.

    ValueError where there are none.
    """
    if not pictures:
        raise ValueError("a contact sheet of no pictures")
    height, width = next(iter(pictures.values())).shape[:2]
    rows = -(-len(pictures) // columns)
    line = height // 8
    sheet = Image.new("RGB", (columns * (width + gap) + gap, rows * (height + line + gap) + gap), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(line * 0.55)
    for i, (title, picture) in enumerate(pictures.items()):
        row, column = divmod(i, columns)
        x, y = gap + column * (width + gap), gap + row * (height + line + gap)
        sheet.paste(Image.fromarray(picture), (x, y))
        pen.text((x + width / 2, y + height + line / 2), title, INK, font, anchor="mm")
    return np.asarray(sheet)
