"""The curves of a recording as one picture: emotions heard and shown, a few blendshapes, and the voice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from emogene.performance import Performance
from emogene.track import Track

WIDTH, LEFT, RIGHT, TOP, BOTTOM, GAP = 1600, 70, 190, 74, 52, 44  # pixels
OVERSAMPLE = 2  # drawn larger, then averaged: PIL's edges are hard
INK, DIM, GRID, GROUND, PAPER = (
    (32, 38, 48),
    (112, 120, 132),
    (226, 228, 230),
    (255, 255, 255),
    (248, 248, 246),
)
COLOURS = {
    "neutral": (208, 212, 217),
    "calm": (143, 196, 186),
    "happy": (246, 190, 62),
    "sad": (84, 124, 190),
    "angry": (214, 74, 66),
    "fearful": (140, 104, 186),
    "disgust": (118, 160, 74),
    "surprised": (240, 134, 84),
    "contempt": (150, 118, 98),
}
# A line is the mean of some blendshapes.
LINES = {
    "smile": (("mouthSmileLeft", "mouthSmileRight"), (226, 164, 20)),
    "brows up": (("browInnerUp", "browOuterUpLeft", "browOuterUpRight"), (222, 106, 58)),
    "brows down": (("browDownLeft", "browDownRight"), (200, 60, 60)),
    "jaw open": (("jawOpen",), (60, 112, 180)),
}
VOICE = (96, 112, 134)
SILENT = -60.0  # dB of full scale at which the voice's band has no height
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)  # seconds


@dataclass(frozen=True)
class Panel:
    """A box of ``height`` pixels: ``layers [K, T]`` as areas one on the other, or as lines."""

    title: str
    height: int
    layers: np.ndarray
    names: Sequence[str]
    colours: Sequence[tuple[int, int, int]]
    stacked: bool
    top: float = 1.0
    """The value at the box's upper edge."""
    marks: tuple[float, ...] = (0, 0.5, 1)


class Curves:
    """A PNG of the emotions heard and shown, the voice and a few blendshapes over time."""

    def __init__(self, about: Mapping[str, object]) -> None:
        self._title = str(about.get("audio", ""))
        self._pieces: list[tuple[Track | None, Track | None, Track, Track]] = []

    def add(self, performance: Performance) -> None:
        lines = _lines(performance.blendshapes)
        self._pieces.append((performance.heard, performance.shown, lines, performance.loudness))

    def write(self, path: Path) -> None:
        heard, shown, lines, loudness = (
            None if parts[0] is None else Track.join(parts) for parts in zip(*self._pieces, strict=True)
        )
        assert lines is not None and loudness is not None
        draw_curves(heard, shown, lines, loudness, self._title).save(path, "PNG", optimize=True)


def draw_curves(
    heard: Track | None, shown: Track | None, lines: Track, loudness: Track, title: str
) -> Image.Image:
    """Panels over one time axis; all tracks have T frames, ``lines`` the columns of :data:`LINES`.

    Emotions that a model does not tell are left out. A recording longer than the picture has pixels is
    averaged.
    """
    panels = [_emotions("heard in the voice", heard, 210)] if heard else []
    panels += [_emotions("shown by the face", shown, 210)] if shown else []
    panels += [_blendshapes(lines), _voice(loudness.values[:, 0])]
    canvas = _Canvas(sum(p.height + GAP for p in panels) - GAP + TOP + BOTTOM)
    canvas.text(LEFT, TOP * 0.34, title, INK, 24, "lm")
    canvas.text(WIDTH - 24, TOP * 0.34, "EmoGene", DIM, 18, "rm")
    y = TOP
    for panel in panels:
        canvas.panel(panel, y, float(lines.duration))
        y += panel.height + GAP
    canvas.times(y - GAP, float(lines.duration))
    return canvas.image.reduce(OVERSAMPLE)


def _emotions(title: str, track: Track, height: int) -> Panel:
    """A stack of areas, up to the next half above its greatest sum."""
    top = float(np.ceil(2 * max(track.values.sum(1).max(), 0.5) - 0.01) / 2)
    marks = tuple(np.arange(0, top + 0.01, 0.5 if top < 2 else 1.0))
    colours = [COLOURS[name] for name in track.names]
    return Panel(title, height, track.values.T, track.names, colours, True, top, marks)


def _lines(shapes: Track) -> Track:
    """The columns of :data:`LINES`."""
    columns = [np.mean([shapes.column(name) for name in names], axis=0) for names, _ in LINES.values()]
    return Track(np.stack(columns, axis=1), tuple(LINES), shapes.fps, shapes.unit)


def _blendshapes(lines: Track) -> Panel:
    colours = [colour for _, colour in LINES.values()]
    return Panel("blendshapes", 180, lines.values.T, lines.names, colours, False)


def _voice(loudness: np.ndarray) -> Panel:
    height = np.clip(1 - loudness / SILENT, 0, 1)
    return Panel("loudness of the voice", 90, height[None], ["voice"], [VOICE], True, marks=())


class _Canvas:
    """Draws in pixels of the finished picture."""

    def __init__(self, height: int) -> None:
        self.image = Image.new("RGB", (WIDTH * OVERSAMPLE, height * OVERSAMPLE), PAPER)
        self.pen = ImageDraw.Draw(self.image)
        self.columns = WIDTH - LEFT - RIGHT

    def text(
        self, x: float, y: float, text: str, colour: tuple[int, int, int], size: int, anchor: str
    ) -> None:
        font = ImageFont.load_default(size * OVERSAMPLE)
        self.pen.text((x * OVERSAMPLE, y * OVERSAMPLE), text, colour, font, anchor=anchor)

    def box(self, x: float, y: float, width: float, height: float, colour: tuple[int, int, int]) -> None:
        corners = np.array([x, y, x + width, y + height]) * OVERSAMPLE
        self.pen.rectangle((*corners[:2], *(corners[2:] - 1)), colour)

    def panel(self, panel: Panel, y: float, seconds: float) -> None:
        self.box(LEFT, y, self.columns, panel.height, GROUND)
        self.text(LEFT, y - 7, panel.title, INK, 16, "ls")
        for mark in panel.marks:
            at = y + panel.height * (1 - mark / panel.top)
            self.box(LEFT, min(at, y + panel.height - 1), self.columns, 1, GRID)
            self.text(LEFT - 10, at, f"{mark:g}", DIM, 14, "rm")
        layers = np.stack([_columns(layer, self.columns) for layer in panel.layers])
        edges = np.cumsum(layers, 0) if panel.stacked else layers
        if panel.stacked:
            edges = np.concatenate([np.zeros((1, self.columns)), edges])
        places = y + panel.height * (1 - np.clip(edges / panel.top, 0, 1))
        for i, colour in enumerate(panel.colours):
            (self._area if panel.stacked else self._line)(places[i : i + 2], colour)
        for at in _ticks(seconds)[1:]:
            self.box(LEFT + self.columns * at / seconds, y, 0.5, panel.height, GRID)
        if len(panel.names) > 1:
            self._legend(panel, y)

    def times(self, y: float, seconds: float) -> None:
        for at in _ticks(seconds):
            x = LEFT + self.columns * at / seconds
            self.text(x, y + 18, _clock(at, seconds), DIM, 14, "mm")

    def _area(self, edges: np.ndarray, colour: tuple[int, int, int]) -> None:
        """Between the two ``edges [2, columns]``."""
        x = LEFT + np.arange(self.columns) + 0.5
        outline = np.stack([np.concatenate([x, x[::-1]]), np.concatenate([edges[0], edges[1, ::-1]])], 1)
        self.pen.polygon([tuple(point) for point in outline * OVERSAMPLE], colour)

    def _line(self, edges: np.ndarray, colour: tuple[int, int, int]) -> None:
        line = np.stack([LEFT + np.arange(self.columns) + 0.5, edges[0]], 1) * OVERSAMPLE
        self.pen.line([tuple(point) for point in line], colour, round(2.2 * OVERSAMPLE), joint="curve")

    def _legend(self, panel: Panel, y: float) -> None:
        """In the order of the stack, its top first, with each emotion's mean over time."""
        entries = list(zip(panel.names, panel.colours, panel.layers.mean(1), strict=True))
        step = min(26.0, panel.height / len(entries))
        for row, (name, colour, mean) in enumerate(reversed(entries) if panel.stacked else entries):
            at, x = y + (row + 0.5) * step, WIDTH - RIGHT + 18
            self.box(x, at - 6, 14, 12, colour)
            self.text(x + 22, at, name, INK, 15, "lm")
            self.text(WIDTH - 24, at, f"{mean:.0%}", DIM, 14, "rm")


def _columns(values: np.ndarray, columns: int) -> np.ndarray:
    """``[T] -> [columns]``: interpolated where there are fewer frames than columns, else the mean of each."""
    if len(values) <= columns:
        return np.interp(np.linspace(0, len(values) - 1, columns), np.arange(len(values)), values)
    edges = np.linspace(0, len(values), columns + 1)
    total = np.interp(edges, np.arange(len(values) + 1), np.concatenate([[0], np.cumsum(values)]))
    return np.diff(total) / np.diff(edges)


def _ticks(seconds: float) -> np.ndarray:
    step = next(
        (tick for tick in TICKS if seconds / tick <= 12), TICKS[-1] * np.ceil(seconds / TICKS[-1] / 12)
    )
    return np.arange(0, seconds, step)


def _clock(at: float, seconds: float) -> str:
    if seconds < 120:
        return f"{at:g} s" if at == round(at) else f"{at:.1f} s"
    hours, rest = divmod(round(at), 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"
