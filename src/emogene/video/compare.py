"""The comparison video: EmoGene and GeneFace++ side by side, as faces and as landmarks."""

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from emogene.face.landmarks import N_POINTS, PARTS
from emogene.face.space import LandmarkSpace
from emogene.smooth import gaussian

TITLES = ("EmoGene", "GeneFace++ alone", "EmoGene landmarks", "GeneFace++ landmarks")

INK, DIM, PAPER, BAR = (236, 240, 245), (150, 160, 174), (17, 21, 28), (28, 34, 44)
COLOURS = {
    "jaw": (122, 140, 163),
    "brows": (240, 178, 74),
    "nose": (132, 204, 152),
    "eyes": (86, 190, 230),
    "mouth": (240, 112, 136),
}
# Lines between points: (first, last, closed).
CONTOURS = {
    "jaw": ((0, 16, False),),
    "brows": ((17, 21, False), (22, 26, False)),
    "nose": ((27, 30, False), (31, 35, False)),
    "eyes": ((36, 41, True), (42, 47, True)),
    "mouth": ((48, 59, True), (60, 67, True)),
}
OVERSAMPLE = 2  # drawn larger, then averaged: PIL's lines and discs have hard edges


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


class LandmarkPanel:
    """Draws the 68 numbered points of a face, seen from the front, over the avatar's own range of motion.

    The panel is ``size x size`` pixels. The clouds are where each part's points were in the avatar's training
    video (``space.database``), so a point outside its cloud is a motion the avatar never made.
    """

    def __init__(self, space: LandmarkSpace, size: int):
        self.size = size
        low, high = space.database[..., :2].min((0, 1)), space.database[..., :2].max((0, 1))
        self._centre = (low + high) / 2
        self._scale = 0.82 * size / float((high - low).max())
        cloud = Image.fromarray(self._cloud(space.database))
        self._ground = cloud.resize((size * OVERSAMPLE, size * OVERSAMPLE), Image.Resampling.BICUBIC)

    def draw(self, points: np.ndarray) -> np.ndarray:
        """``points [68, 3]``, canonical space, decimetres ``-> [size, size, 3]`` uint8 sRGB."""
        image = self._ground.copy()
        pen = ImageDraw.Draw(image)
        unit = self.size * OVERSAMPLE / 512
        places = self._pixels(points) * OVERSAMPLE
        for part, lines in CONTOURS.items():
            for first, last, closed in lines:
                line = [*range(first, last + 1), *([first] if closed else [])]
                pen.line([tuple(places[i]) for i in line], _faint(COLOURS[part]), round(1.4 * unit))
        for part, members in PARTS.items():
            for i in range(N_POINTS)[members]:
                x, y = places[i]
                pen.circle((x, y), 2.8 * unit, _bright(COLOURS[part]))
                pen.text((x + 3.2 * unit, y - 1.5 * unit), str(i), DIM, _font(round(9 * unit)), anchor="ls")
        return np.asarray(image.reduce(OVERSAMPLE))

    def _pixels(self, points: np.ndarray) -> np.ndarray:
        """``[..., 68, 3]`` canonical ``-> [..., 68, 2]`` pixels; y down."""
        offset = (points[..., :2] - self._centre) * (self._scale, -self._scale)
        return offset + self.size / 2

    def _cloud(self, database: np.ndarray) -> np.ndarray:
        picture = np.full((self.size, self.size, 3), PAPER, np.float32)
        edges = np.arange(self.size + 1)
        for part, members in PARTS.items():
            x, y = self._pixels(database)[:, members].reshape(-1, 2).T
            density = np.histogram2d(y, x, (edges, edges))[0]
            for _ in range(2):  # along either side
                density = gaussian(density, self.size / 512).T
            visible = np.minimum(1, density / max(1e-6, np.quantile(density[density > 1e-3], 0.7)))
            picture += 0.45 * visible[..., None] * (np.array(COLOURS[part]) - picture)
        return picture.round().astype(np.uint8)


class FourPanels:
    """Lays out a comparison frame: two faces, two sets of landmarks, titles and frame counter on top."""

    def __init__(self, space: LandmarkSpace, size: int):
        self.size = size
        self.bar = 2 * round(size * 0.04)
        self.width, self.height = len(TITLES) * size, size + self.bar
        self._panel = LandmarkPanel(space, size)
        self._ground = self._titles()

    def draw(
        self, index: int, faces: tuple[np.ndarray, np.ndarray], landmarks: tuple[np.ndarray, np.ndarray]
    ) -> np.ndarray:
        """Frame ``index``: EmoGene's and GeneFace++'s face ``[size, size, 3]`` uint8 and points ``[68, 3]``.

        Returns ``[height, width, 3]`` uint8 sRGB.
        """
        image = self._ground.copy()
        pen = ImageDraw.Draw(image)
        for panel in (2, 3):
            place = ((panel + 1) * self.size - self.bar * 0.35, self.bar / 2)
            pen.text(place, f"frame {index:04d}", DIM, _font(round(self.bar * 0.4)), anchor="rm")
        frame = np.asarray(image).copy()
        for panel, picture in enumerate((*faces, *(self._panel.draw(points) for points in landmarks))):
            frame[self.bar :, panel * self.size : (panel + 1) * self.size] = picture
        return frame

    def _titles(self) -> Image.Image:
        image = Image.new("RGB", (self.width, self.height), PAPER)
        pen = ImageDraw.Draw(image)
        pen.rectangle((0, 0, self.width, self.bar), BAR)
        for panel, title in enumerate(TITLES):
            place = (panel * self.size + self.bar * 0.35, self.bar / 2)
            pen.text(place, title, INK, _font(round(self.bar * 0.45)), anchor="lm")
        return image


def _bright(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Halfway to the ink, so that a point stands out from its cloud."""
    red, green, blue = ((a + b) // 2 for a, b in zip(colour, INK, strict=True))
    return red, green, blue


def _faint(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Halfway into the background."""
    red, green, blue = ((a + b) // 2 for a, b in zip(colour, PAPER, strict=True))
    return red, green, blue
