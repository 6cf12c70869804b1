"""The head model of all stages: ICT-FaceKit in the canonical space.

A mesh of face, neck, mouth, teeth and eyeballs. Its shape is a mean, moved by identity modes (who it is) and
by the 52 ARKit shapes (what the face does); 68 of its vertices are the 68 points. Canonical space, decimetres
(see :mod:`emogene.face`): ICT's centimetres are laid there by one similarity, given in the asset's metadata.
Source: Li et al., "Learning Formation of Physically-Based Face Attributes", CVPR 2020; MIT licence.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from safetensors import safe_open

from emogene.face.arkit import ARKIT_52, INDEX
from emogene.face.mirror import MIRROR_SHAPES


@dataclass(frozen=True)
class HeadModel:
    """Left and right are the person's; the left is at x > 0.

    ``mean [V, 3]``: decimetres; ``identity [M, V, 3]``: what one standard deviation of a mode adds;
    ``expression [52, V, 3]``: what each shape of ARKIT_52 adds at 1 (tongueOut: nothing); ``faces [F, 4]``:
    quadrangles, counter-clockwise from outside, the last corner -1 in triangles; ``parts``: the vertices of
    each part; ``landmarks [68]``: vertices; ``mediapipe_vertex [468, 3]`` and ``mediapipe_weight [468, 3]``:
    where MediaPipe's points are, as shares of three vertices.
    """

    mean: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    faces: np.ndarray
    parts: dict[str, slice]
    landmarks: np.ndarray
    mediapipe_vertex: np.ndarray
    mediapipe_weight: np.ndarray

    @classmethod
    def embedded(cls) -> "HeadModel":
        """The model that ships with the package. One copy for all: do not write into its arrays."""
        return _embedded()

    @property
    def modes(self) -> int:
        return len(self.identity)

    @property
    def landmark_basis(self) -> np.ndarray:
        """``[52, 68, 3]``: what each ARKit shape at 1 adds to the 68 points."""
        return self.expression[:, self.landmarks]

    def neutral(self, identity: np.ndarray) -> np.ndarray:
        """The resting mesh ``[V, 3]`` of ``identity [up to M]``, standard deviations."""
        return self.mean + np.tensordot(identity, self.identity[: len(identity)], 1).astype(np.float32)

    def vertices(self, identity: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The mesh ``[..., V, 3]`` of ``identity [up to M]`` with ARKit ``weights [..., 52]``."""
        return self.neutral(identity) + self.displacement(weights)

    def displacement(self, weights: np.ndarray) -> np.ndarray:
        """``[..., V, 3]``: what ``weights [..., 52]`` add. Weights may be negative and above 1."""
        return np.tensordot(weights, self.expression, 1).astype(np.float32, copy=False)

    def landmarks68(self, identity: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The 68 points ``[..., 68, 3]`` of the same."""
        at_rest = self.neutral(identity)[self.landmarks]
        return at_rest + np.tensordot(weights, self.landmark_basis, 1).astype(np.float32, copy=False)

    def mediapipe(self, values: np.ndarray) -> np.ndarray:
        """Anything per vertex ``[..., V, C]`` at MediaPipe's 468 points, ``[..., 468, C]``."""
        return (values[..., self.mediapipe_vertex, :] * self.mediapipe_weight[..., None]).sum(-2)

    def triangles(self, *parts: str) -> np.ndarray:
        """``[T, 3]`` vertex indices of the named parts, or of the whole mesh."""
        spans = [self.parts[part] for part in parts or self.parts]
        first = self.faces[:, 0]
        quads = self.faces[np.any([(s.start <= first) & (first < s.stop) for s in spans], axis=0)]
        return np.concatenate([quads[:, :3], quads[quads[:, 3] >= 0][:, [0, 2, 3]]])


def normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals ``[V, 3]``, outwards, weighted by area; zero at vertices of no triangle."""
    corners = vertices[triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros(vertices.shape)
    for corner in triangles.T:
        for axis in range(3):
            total[:, axis] += np.bincount(corner, face[:, axis], len(vertices))
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def asset_path() -> Path:
    """Where the embedded head model lives (made by training/head_model.py)."""
    return Path(str(files("emogene") / "assets" / "head.safetensors"))


@cache
def _embedded() -> HeadModel:
    with safe_open(asset_path(), "np") as file:
        notes = file.metadata()
        stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    mean = stored["mean"]
    faces = stored["faces"].astype(np.int64)
    parts = zip(notes["parts"].split(), stored["parts"].tolist(), strict=True)
    return HeadModel(
        mean=mean,
        identity=stored["identity"] * stored["identity_step"][:, None, None],
        expression=_expression(stored, notes["shapes"].split()),
        faces=np.where(faces == len(mean), -1, faces),
        parts={name: slice(*span) for name, span in parts},
        landmarks=stored["landmarks"].astype(np.int64),
        mediapipe_vertex=stored["mediapipe_vertex"].astype(np.int64),
        mediapipe_weight=stored["mediapipe_weight"],
    )


def _expression(stored: dict[str, np.ndarray], names: list[str]) -> np.ndarray:
    """``[52, V, 3]`` from the moving vertices alone; what is not stored mirrors its other side."""
    count = len(stored["mean"])
    expression = np.zeros((len(ARKIT_52), count, 3), np.float32)
    moving = np.unpackbits(stored["moving"], axis=1, count=count).astype(bool)
    ends = np.cumsum(moving.sum(1))[:-1]
    for name, where, displacement in zip(names, moving, np.split(stored["displacement"], ends), strict=True):
        expression[INDEX[name], where] = displacement
    flip = np.array([-1, 1, 1], np.float32)
    for name in names:
        column = INDEX[name]
        reflected = expression[column][stored["mirror"]] * flip
        other = MIRROR_SHAPES[column]
        expression[other] = reflected if other != column else (expression[column] + reflected) / 2
    return expression
