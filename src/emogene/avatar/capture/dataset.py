"""From clips of one person to what the splats are trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from PIL import Image

from emogene.avatar.capture.layers import face_region, head_layer
from emogene.avatar.capture.matte import choked, screen_matte
from emogene.avatar.capture.tracks import gaze
from emogene.avatar.capture.video import read_frames
from emogene.errors import EmoGeneError
from emogene.face.camera import Camera
from emogene.face.canonical import canonicalise
from emogene.progress import Progress, over, silent

NOSE_BRIDGE = slice(27, 31)


@dataclass(frozen=True)
class CaptureConfig:
    size: int = 256
    """Width and height of the training images, pixels."""
    fine: int = 512
    """Width and height of the images that super-resolution aims at."""
    crop: int = 272
    """Width and height of the square that is taken of the video: its lowest rows, centred on the nose."""
    stride: int = 2
    """Every how manieth frame is used."""
    fine_stride: int = 12
    """Every how manieth frame is also kept at the size ``fine``."""


@dataclass(frozen=True)
class TrainingSet:
    """Frames of one person, arrays by frame. Colours are the person's alone: despilled, not premultiplied."""

    colour: np.ndarray  # uint8 [N, S, S, 3]
    alpha: np.ndarray  # uint8 [N, S, S]: person
    head: np.ndarray  # uint8 [N, S, S]: share of the head layer
    clip: np.ndarray  # int [N]
    frame: np.ndarray  # int [N]: frame in its clip
    points: np.ndarray  # float32 [N, 68, 3]: canonical landmarks, dm
    gaze: np.ndarray  # float32 [N, 2]: see tracks.gaze
    rotation: np.ndarray  # float32 [N, 3, 3]: head pose, p_camera = R p + t
    translation: np.ndarray  # float32 [N, 3], dm
    pixels: np.ndarray  # float32 [N, 68, 3]: tracked landmarks in the training images
    fine_colour: np.ndarray  # uint8 [M, F, F, 3]
    fine_alpha: np.ndarray  # uint8 [M, F, F]
    fine_index: np.ndarray  # int [M]: rows that the fine images belong to
    focal: np.ndarray  # float [], pixels at size S
    stride: np.ndarray  # int []: every how manieth frame of the clips there is

    @property
    def camera(self) -> Camera:
        size = self.colour.shape[1]
        return Camera(float(self.focal), size, size)

    def save(self, path: str | Path) -> None:
        np.savez(path, **{f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, path: str | Path) -> "TrainingSet":
        with np.load(path) as data:
            return cls(**{f.name: data[f.name] for f in fields(cls)})


def capture(
    videos: Sequence[str | Path],
    tracks: Mapping[str, np.ndarray],
    config: CaptureConfig | None = None,
    progress: Progress = silent,
) -> TrainingSet:
    """Cut the person out of ``videos``; ``tracks``: the track ``[T, 70, 3]`` of each by its file's stem.

    The crop stands still within a clip and is centred on the head in each, so that the torso hardly differs
    between clips. White balance drifts between clips: each clip's face gets the same mean colour.
    """
    config = config or CaptureConfig()
    clips = [_Clip.read(Path(video), tracks, config) for video in over(videos, "cutting out", progress)]
    offsets = np.cumsum([0] + [len(c.pixels) for c in clips])
    pixels = np.concatenate([c.pixels for c in clips])
    face = canonicalise(pixels, (config.size, config.size), offsets=offsets)
    reference = np.median([c.mean_colour() for c in clips], axis=0)
    rows = np.concatenate([offset + c.kept for offset, c in zip(offsets, clips, strict=False)])
    eyes = np.concatenate([gaze(c.pixels) for c in clips])
    fine_rows = np.concatenate([offset + c.fine_kept for offset, c in zip(offsets, clips, strict=False)])
    gains = [reference / c.mean_colour() for c in clips]
    shown = pixels[rows, :68].astype(np.float32)
    return TrainingSet(
        colour=np.concatenate([_scale(c.colour, g) for c, g in zip(clips, gains, strict=True)]),
        alpha=np.concatenate([c.alpha for c in clips]),
        head=np.stack([(255 * head_layer(p, config.size) + 0.5).astype(np.uint8) for p in shown]),
        clip=np.concatenate([np.full(len(c.kept), i) for i, c in enumerate(clips)]),
        frame=np.concatenate([c.kept for c in clips]),
        points=face.motion.points[rows],
        gaze=eyes[rows],
        rotation=face.pose.rotation[rows],
        translation=face.pose.translation[rows],
        pixels=shown,
        fine_colour=np.concatenate([_scale(c.fine_colour, g) for c, g in zip(clips, gains, strict=True)]),
        fine_alpha=np.concatenate([c.fine_alpha for c in clips]),
        fine_index=np.searchsorted(rows, fine_rows),
        focal=np.array(face.camera.focal),
        stride=np.array(config.stride),
    )


@dataclass
class _Clip:
    pixels: np.ndarray  # float [T, 70, 3]: the track, in pixels of the training images
    kept: np.ndarray  # int [N]: frames that are used
    fine_kept: np.ndarray  # int [M]: frames that are also kept fine
    colour: np.ndarray  # uint8 [N, S, S, 3]
    alpha: np.ndarray  # uint8 [N, S, S]
    fine_colour: np.ndarray  # uint8 [M, F, F, 3]
    fine_alpha: np.ndarray  # uint8 [M, F, F]

    @classmethod
    def read(cls, video: Path, tracks: Mapping[str, np.ndarray], config: CaptureConfig) -> "_Clip":
        frames = list(read_frames(video))
        points = tracks[video.stem]
        if len(points) != len(frames):
            raise EmoGeneError(f"{video} has {len(frames)} frames but its track has {len(points)}.")
        corner = _corner(points, frames[0].shape, config.crop)
        kept = np.arange(0, len(frames), config.stride)
        fine = kept[:: config.fine_stride // config.stride]
        mattes, fine_mattes = [], []
        for i in kept:
            window = frames[i][corner[1] :, corner[0] : corner[0] + config.crop]
            matte = choked(screen_matte(window[: config.crop].astype(np.float32) / 255))
            mattes.append(_resize(matte.colour, matte.alpha, config.size))
            if i in fine:
                fine_mattes.append(_resize(matte.colour, matte.alpha, config.fine))
        return cls(
            pixels=(points - [*corner, 0]) * (config.size / config.crop),
            kept=kept,
            fine_kept=fine,
            colour=np.stack([colour for colour, _ in mattes]),
            alpha=np.stack([alpha for _, alpha in mattes]),
            fine_colour=np.stack([colour for colour, _ in fine_mattes]),
            fine_alpha=np.stack([alpha for _, alpha in fine_mattes]),
        )

    def mean_colour(self) -> np.ndarray:
        region = np.stack([face_region(self.pixels[i], self.colour.shape[1]) for i in self.kept[::4]])
        return self.colour[::4][region].mean(0)


def _corner(points: np.ndarray, shape: tuple[int, ...], crop: int) -> tuple[int, int]:
    """Left and top of the square of side ``crop`` on the image's lower edge, centred on the nose."""
    height, width = shape[:2]
    if crop > min(height, width):
        raise EmoGeneError(f"the video is {width}x{height}; it must be at least {crop} pixels each way.")
    left = round(float(points[:, NOSE_BRIDGE, 0].mean()) - crop / 2)
    return min(max(left, 0), width - crop), height - crop


def _resize(colour: np.ndarray, alpha: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Lanczos resampling to uint8 ``[size, size, 3]`` and ``[size, size]``."""
    planes = [*np.moveaxis(colour, -1, 0), alpha]
    resized = [
        np.asarray(Image.fromarray(np.ascontiguousarray(p)).resize((size, size), Image.Resampling.LANCZOS))
        for p in planes
    ]
    values = (np.clip(np.stack(resized, -1), 0, 1) * 255 + 0.5).astype(np.uint8)
    return values[..., :3], values[..., 3]


def _scale(colour: np.ndarray, gain: np.ndarray) -> np.ndarray:
    return np.clip(colour * gain.astype(np.float32) + 0.5, 0, 255).astype(np.uint8)
