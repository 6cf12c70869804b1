"""A person's pictures: head over torso over background, one thread a frame."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import local

import numpy as np

from emogene.face.camera import Camera
from emogene.motion2video.splats.gaussians import Gaussians
from emogene.motion2video.splats.rasteriser import Rasteriser
from emogene.motion2video.splats.view import View

Rig = Callable[[np.ndarray], np.ndarray]
"""From the head's splats ``[13, N]`` of a frame (may be changed in place) to those shown ``[13, M]``."""


@dataclass(frozen=True)
class Moment:
    """All that changes from frame to frame: conditions and the head's pose (see :class:`.splats.View`)."""

    head: np.ndarray  # [K]
    torso: np.ndarray  # [10]
    rotation: np.ndarray  # [3, 3]
    translation: np.ndarray  # [3], dm
    rig: Rig | None = None
    """Moves and shades the head's splats further; runs on the frame's thread."""


class Portrait:
    """Draws one person. ``camera``: of the pictures; ``background``: uint8 ``[H, W, 3]`` of its size."""

    def __init__(self, head: Gaussians, torso: Gaussians, camera: Camera, background: np.ndarray) -> None:
        if background.shape != (camera.height, camera.width, 3):
            raise ValueError(f"a background of {list(background.shape)} behind {camera.height} rows")
        self.head, self.torso, self.camera = head, torso, camera
        self.background = np.ascontiguousarray(background)
        self._local = local()

    def picture(self, moment: Moment) -> np.ndarray:
        """uint8 ``[H, W, 3]``. Any thread may call it."""
        desk = self.desk()
        head = self.head.at(moment.head, desk.head)
        if moment.rig is not None:
            head = moment.rig(head)
        torso = self.torso.at(moment.torso, desk.torso)
        view = View(self.camera, moment.rotation, moment.translation)
        return desk.rasteriser.picture(self.background, (head, view), (torso, View.fixed(self.camera)))

    def pictures(self, moments: Iterable[Moment], threads: int = 2) -> Iterator[np.ndarray]:
        """In order, ``threads`` at a time; no more than one frame a thread is made ahead."""
        waiting: deque[Future[np.ndarray]] = deque()
        with ThreadPoolExecutor(threads) as pool:
            for moment in moments:
                waiting.append(pool.submit(self.picture, moment))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def desk(self) -> "Desk":
        """This thread's buffers."""
        if not hasattr(self._local, "desk"):
            self._local.desk = Desk(self)
        return self._local.desk


class Desk:
    """A thread's buffers."""

    def __init__(self, portrait: Portrait) -> None:
        self.rasteriser = Rasteriser(portrait.camera.width, portrait.camera.height)
        self.head = np.empty_like(portrait.head.base)
        self.torso = np.empty_like(portrait.torso.base)
