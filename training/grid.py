"""The tracks of GRID speaker 1 in canonical space, cached: what every training reads."""

import hashlib
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from emogene.clock import VIDEO_FPS
from emogene.face import canonical
from emogene.face.arkit import ARKIT_52
from emogene.face.mean import mean_face
from emogene.face.pose import HeadPose

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"


@dataclass(frozen=True)
class Tracks:
    """All clips one after the other, 25 fps; clip i has the rows ``offset[i]:offset[i + 1]``.

    ``points [N, 68, 3]`` canonical decimetres; ``blendshapes [N, 52]`` in ARKIT_52 order (MediaPipe's scores;
    tongueOut is 0); ``pose`` head to camera; ``size`` of the images in pixels (width, height).
    """

    points: np.ndarray
    blendshapes: np.ndarray
    pose: HeadPose
    clip: np.ndarray
    offset: np.ndarray
    size: tuple[int, int]

    def rows(self, clip: str) -> slice:
        """The rows of one clip by its name."""
        i = int(np.flatnonzero(self.clip == clip)[0])
        return slice(int(self.offset[i]), int(self.offset[i + 1]))

    def select(self, frames: np.ndarray) -> "Tracks":
        """The chosen frames (bool ``[N]``) of whole clips."""
        clips = frames[self.offset[:-1]]
        offset = np.concatenate([[0], np.cumsum(np.diff(self.offset)[clips])])
        pose = self.pose[frames]
        return Tracks(
            self.points[frames], self.blendshapes[frames], pose, self.clip[clips], offset, self.size
        )


def raw_landmarks(archive: np.lib.npyio.NpzFile) -> np.ndarray:
    """``[N, 164, 3]`` float32 pixels from the stored differences."""
    return (np.cumsum(archive["landmarks_delta"], axis=0, dtype=np.int64) / 64).astype(np.float32)


def load_tracks(data: Path = DATA, cache: Path = ROOT / ".cache") -> Tracks:
    """Canonical tracks of ``data/grid_s1/tracks.npz``; cached per version of face.canonical."""
    source = data / "grid_s1" / "tracks.npz"
    version = hashlib.sha256(mean_face().tobytes() + Path(canonical.__file__).read_bytes()).hexdigest()[:12]
    stored = cache / f"grid_s1_tracks_{version}.npz"
    if not stored.exists():
        cache.mkdir(exist_ok=True)
        partial = stored.with_suffix(f".{os.getpid()}.npz")
        np.savez(partial, allow_pickle=False, **_compute(source))
        partial.rename(stored)
    with np.load(stored) as a:
        pose = HeadPose(a["rotation"], a["translation"], VIDEO_FPS)
        width, height = (int(n) for n in a["size"])
        return Tracks(a["points"], a["blendshapes"], pose, a["clip"], a["offset"], (width, height))


def _compute(source: Path) -> dict[str, np.ndarray]:
    with np.load(source) as archive:
        width, height = (int(n) for n in archive["image_size"])
        offset = archive["offset"]
        fps = Fraction(int(archive["fps"]))
        found = canonical.canonicalise(raw_landmarks(archive)[:, :68], (width, height), fps, offset)
        names = {str(name): i for i, name in enumerate(archive["blendshape_names"])}
        scores = archive["blendshapes"].astype(np.float32) / 65535
        blendshapes = np.stack(
            [scores[:, names[n]] if n in names else np.zeros(len(scores), np.float32) for n in ARKIT_52],
            axis=1,
        )
        return {
            "points": found.motion.points,
            "blendshapes": blendshapes,
            "rotation": found.pose.rotation,
            "translation": found.pose.translation,
            "clip": archive["clip"],
            "offset": offset,
            "size": np.array([width, height]),
        }
