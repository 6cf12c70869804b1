"""Splats fitted to pictures: Adam on a few frames a step; unseen splats move to where they are missed."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from emogene.motion2video.splats.gaussians import Gaussians
from emogene.motion2video.splats.layout import DYNAMIC
from emogene.motion2video.splats.rasteriser import Rasteriser
from emogene.motion2video.splats.view import View
from emogene.output import replacing
from emogene.progress import Progress, over, silent

f4 = np.float32


@dataclass(frozen=True)
class Rates:
    """Adam's step sizes, by what a number of a splat is; of the base and of its change by the condition."""

    position: float = 3e-4
    tangents: float = 2e-4
    opacity: float = 2e-2
    colour: float = 4e-3
    position_motion: float = 4e-5
    opacity_motion: float = 1.5e-3
    colour_motion: float = 3e-4

    def scaled(self, factor: float) -> "Rates":
        return Rates(**{name: factor * rate for name, rate in asdict(self).items()})

    def base(self) -> np.ndarray:
        """``[13]``"""
        return np.array([self.position] * 3 + [self.tangents] * 6 + [self.opacity] + [self.colour] * 3, f4)

    def motion(self) -> np.ndarray:
        """``[13]``; what does not move has 0."""
        tangents = [0.0] * 6
        return np.array(
            [self.position_motion] * 3 + tangents + [self.opacity_motion] + [self.colour_motion] * 3, f4
        )


@dataclass(frozen=True)
class SplatTraining:
    """How splats are fitted."""

    steps: int = 600
    batch: int = 4
    rates: Rates = Rates()
    final_rate: float = 0.05
    """What the rates fall to, over the last three quarters of the steps."""
    softness: float = 0.03
    """Differences of colour (0..1) below it count by their square, above it by themselves."""
    edge: float = 0.5
    """Weight of the differences between neighbouring pixels: blur costs more."""
    relocate: int = 250
    """Every how many steps unseen splats are moved; 0: never."""
    unseen: float = 0.02
    """Splats that never reach this weight in a pixel count as unseen."""
    seed: int = 0


@dataclass(frozen=True)
class Sample:
    """One picture to fit."""

    condition: np.ndarray  # float32 [K]
    view: View
    colour: np.ndarray  # uint8 [S, S, 3]
    share: np.ndarray  # uint8 [S, S]: how much of each pixel is this layer's
    weight: np.ndarray  # float32 [S, S]


class Samples(Protocol):
    """The pictures of a training set."""

    size: int
    noise: np.ndarray
    """``[K]``: deviation of what is added to the condition, so that splats do not learn single frames."""

    def draw(self, count: int, random: np.random.Generator) -> np.ndarray: ...

    def __getitem__(self, row: int) -> Sample: ...


class SplatTrainer:
    """Fits ``splats`` to ``samples``. The result depends on the seed, not on ``threads``."""

    _CHUNK = 1024
    WATCH = 5
    """Every how many steps a picture is asked which splats it shows."""

    def __init__(
        self,
        splats: Gaussians,
        samples: Samples,
        config: SplatTraining,
        frozen: np.ndarray | None = None,
        threads: int = 1,
    ) -> None:
        """``splats`` are copied. ``frozen [N]`` bool: stay as they are (none)."""
        self.samples, self.config, self.threads = samples, config, threads
        self.splats = Gaussians(splats.base.copy(), splats.motion.copy(), splats.groups.copy())
        self.frozen = np.zeros(len(splats), bool) if frozen is None else frozen
        self.random = np.random.default_rng(config.seed)
        self.base_moments = np.zeros((2, *splats.base.shape), f4)
        self.first = np.zeros_like(splats.motion)
        self.second = np.zeros((len(DYNAMIC), len(splats)), f4)
        self.gradient = np.zeros((config.batch, *splats.base.shape), f4)
        self.seen, self.pull = np.zeros(len(splats), f4), np.zeros(len(splats), f4)
        self.desks = [_Desk(samples.size, splats.base.shape) for _ in range(config.batch)]
        self.steps_done = 0

    def run(
        self,
        progress: Progress = silent,
        what: str = "splats",
        checkpoint: Path | None = None,
        every: int = 100,
    ) -> Gaussians:
        """The steps that are left. With ``checkpoint`` the state is kept there every so many steps, and
        training goes on from it if it is there."""
        if checkpoint and checkpoint.is_file():
            self.restore(checkpoint)
        for _ in over(range(self.steps_done, self.config.steps), what, progress):
            self.step()
            if checkpoint and self.steps_done % every == 0:
                self.save(checkpoint)
        return self.splats

    def step(self) -> float:
        """One step of Adam; returns the mean loss of a pixel."""
        config, components = self.config, self.splats.motion.shape[1]
        rows = self.samples.draw(config.batch, self.random)
        noise = self.samples.noise * self.random.standard_normal((config.batch, components))
        backgrounds = self.random.random((config.batch, 3)).astype(f4)
        samples = [self.samples[int(row)] for row in rows]
        conditions = (np.stack([sample.condition for sample in samples]) + noise).astype(f4)
        work = list(zip(self.desks, samples, conditions, backgrounds, self.gradient, strict=True))
        with ThreadPoolExecutor(self.threads) as pool:
            losses = list(pool.map(lambda item: item[0].look(self.splats, config, *item[1:]), work))
            self.gradient[..., self.frozen] = 0
            self._adam(conditions, pool)
        if self.steps_done % self.WATCH == 0:
            np.maximum(self.seen, self.desks[0].rasteriser.visible(), out=self.seen)
            self.pull += np.abs(self.gradient[:, :2].sum(0)).sum(0)
        self.steps_done += 1
        if config.relocate and self.steps_done % config.relocate == 0 and self._part < 0.7:
            self._relocate()
        return float(np.mean(losses)) / self.samples.size**2

    @property
    def _part(self) -> float:
        return self.steps_done / self.config.steps

    def _rate(self) -> np.float32:
        decay = self.config.final_rate ** max(0.0, (self._part - 0.25) / 0.75)
        return f4(min(1.0, (self.steps_done + 1) / 30) * decay)

    def _adam(self, conditions: np.ndarray, pool: ThreadPoolExecutor) -> None:
        from emogene.avatar.train.kernels import adam

        rate, config, splats = self._rate(), self.config, self.splats
        base_rate, motion_rate = config.rates.base() * rate, config.rates.motion() * rate
        step, rows = f4(self.steps_done + 1), np.array(DYNAMIC)

        def update(begin: int) -> None:
            adam(
                *(splats.base, *self.base_moments, splats.motion, self.first, self.second, rows),
                *(self.gradient, conditions, base_rate, motion_rate, f4(0.9), f4(0.99), step),
                *(begin, min(begin + self._CHUNK, len(splats))),
            )

        list(pool.map(update, range(0, len(splats), self._CHUNK)))

    def _relocate(self) -> None:
        """Unseen splats become halves of those whose place the gradient would change most."""
        unseen = (self.seen < self.config.unseen) & ~self.frozen
        dead = np.flatnonzero(unseen)[: len(self.splats) // 12]
        wanted = self.pull * ~unseen
        self.seen[:], self.pull[:] = 0, 0
        if not len(dead) or not wanted.sum():
            return
        source = self.random.choice(len(wanted), len(dead), p=wanted / wanted.sum())
        along = self.random.normal(0, 0.6, (2, len(dead))).astype(f4)
        base = self.splats.base
        base[:, dead] = base[:, source]
        shift = along[0] * base[3:6, source] + along[1] * base[6:9, source]
        base[:3, dead] += shift
        for axis in range(3):
            np.subtract.at(base[axis], source, 0.5 * shift[axis])
        for half in (dead, np.unique(source)):
            base[3:9, half] *= 0.8
        self.splats.motion[..., dead] = self.splats.motion[..., source]
        self.splats.groups[dead] = self.splats.groups[source]
        self.base_moments[..., dead], self.first[..., dead] = 0, 0
        self.second[..., dead] = self.second[..., source]

    def save(self, path: Path) -> None:
        """Everything that the next step depends on."""
        with replacing(path) as part, part.open("wb") as file:
            state: dict[str, Any] = {
                **self._moments(),
                "base": self.splats.base,
                "motion": self.splats.motion,
                "groups": self.splats.groups,
                "steps": self.steps_done,
                "random": np.array(repr(self.random.bit_generator.state)),
            }
            np.savez(file, **state)

    def restore(self, path: Path) -> None:
        """Go on where :meth:`save` left off."""
        from ast import literal_eval

        with np.load(path) as state:
            for name, array in {**self._moments(), "base": self.splats.base}.items():
                array[...] = state[name]
            self.splats.motion[...], self.splats.groups[...] = state["motion"], state["groups"]
            self.steps_done = int(state["steps"])
            self.random.bit_generator.state = literal_eval(str(state["random"]))

    def _moments(self) -> dict[str, np.ndarray]:
        return {
            "base_moments": self.base_moments,
            "first": self.first,
            "second": self.second,
            "seen": self.seen,
            "pull": self.pull,
        }


class _Desk:
    """What one frame of a step needs: a rasteriser and room for its picture's gradient."""

    def __init__(self, size: int, shape: tuple[int, ...]) -> None:
        self.rasteriser = Rasteriser(size, size)
        self.difference, self.gradient = np.empty((size, size), f4), np.empty((4, size, size), f4)
        self.splats = np.empty(shape, f4)

    def look(
        self,
        splats: Gaussians,
        config: SplatTraining,
        sample: Sample,
        condition: np.ndarray,
        background: np.ndarray,
        out: np.ndarray,
    ) -> float:
        """The loss of one picture; its gradient is put in ``out [13, N]``."""
        from emogene.avatar.train.kernels import picture_loss

        shown = self.rasteriser.layers((splats.at(condition, self.splats), sample.view))
        loss = picture_loss(
            *(shown, sample.colour, sample.share, background, sample.weight),
            *(f4(config.softness), f4(config.edge), self.difference, self.gradient),
        )
        out[:] = 0
        self.rasteriser.backward(self.gradient, self.splats, sample.view, out)
        return loss
