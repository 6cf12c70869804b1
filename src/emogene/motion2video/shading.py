"""Light and folds of an expression: by how much each vertex is brighter than at rest.

Two parts, on linear colour. The light is second-order spherical harmonics on the normals (Ramamoorthi &
Hanrahan, 2001), estimated from the person's own skin; a normal that turns takes the light of where it then
points. Folds are darker than that since they see less of the sky: an occlusion by how far a vertex sinks
below its smoothed neighbourhood. Normals and sinking are linear in the expression's weights.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Backend = Literal["numba", "numpy"]

_BAND1, _BAND2 = 0.5, 0.2  # most of each band against the ambient light: shine and make-up pose as light
_LEAST = 0.3  # of the ambient light, in the deepest shade
_SMOOTHED = 8  # rounds of neighbours that a vertex is compared with
# Log brightness over that at rest, at most and at least: bright rims over a brow look like plastic.
_UP, _DOWN = float(np.log(1.12)), float(-np.log(0.5))
_SINKS, _RISES = 1.2, -0.2  # millimetres beyond which occlusion grows no more
_OCCLUSION = 1.3  # of log brightness per millimetre sunk
_AWAY, _FACING = 0.12, 0.42  # of the normal's z: where shading begins, where it is whole


@dataclass(frozen=True)
class Shading:
    """Of ``M`` vertices: ``normal [M, 3]`` at rest; what each shape at 1 does to it, ``turning [52, M, 3]``;

    by how much it sinks the vertex, ``sinking [52, M]``, millimetres; ``light [9]``: see :func:`harmonics`.
    """

    normal: np.ndarray
    turning: np.ndarray
    sinking: np.ndarray
    light: np.ndarray

    def __call__(self, weights: np.ndarray, backend: Backend = "numba") -> np.ndarray:
        """Logarithm ``[M]`` float32 of brightness over that at rest, for ``weights [52]``.

        "numpy" is the slow twin that the kernel is held to.
        """
        on = np.flatnonzero(weights)
        used = weights[on].astype(np.float32)
        if backend == "numba":
            from emogene.motion2video.shading_cpu import shade

            limits = np.array([_LEAST, _OCCLUSION, _RISES, _SINKS, _UP, _DOWN, _AWAY, _FACING], np.float32)
            ratio = np.empty(len(self.normal), np.float32)
            shade(self.normal, self.turning, self.sinking, self.light, on, used, limits, ratio)
            return ratio
        turned = self.normal + np.tensordot(used, self.turning[on], 1)
        turned /= np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-6)
        ratio = np.log(self._lit(turned) / self._lit(self.normal))
        ratio -= _OCCLUSION * np.clip(used @ self.sinking[on], _RISES, _SINKS)
        ratio = np.where(ratio > 0, _UP * np.tanh(ratio / _UP), _DOWN * np.tanh(ratio / _DOWN))
        facing = (np.minimum(self.normal[:, 2], turned[:, 2]) - _AWAY) / (_FACING - _AWAY)
        return (ratio * np.clip(facing, 0, 1)).astype(np.float32)

    def _lit(self, normal: np.ndarray) -> np.ndarray:
        return np.maximum(harmonics(normal) @ self.light, _LEAST)

    def chosen(self, vertices: np.ndarray) -> "Shading":
        """Of these vertices alone."""
        return Shading(
            self.normal[vertices], self.turning[:, vertices], self.sinking[:, vertices], self.light
        )

    @classmethod
    def of(
        cls, neutral: np.ndarray, displacement: np.ndarray, triangles: np.ndarray, light: np.ndarray
    ) -> "Shading":
        """``neutral [V, 3]``, ``displacement [52, V, 3]`` (decimetres), ``triangles [T, 3]``."""
        from emogene.motion2video.folds_cpu import fold

        shapes, count, _ = displacement.shape
        moved = displacement.transpose(1, 0, 2).reshape(count, 3 * shapes).astype(np.float32)
        normal, turning, sinking = (np.empty((count, n), np.float32) for n in (3, 3 * shapes, shapes))
        near = _neighbours(triangles, count)
        fold(neutral.astype(np.float32), moved, triangles, *near, _SMOOTHED, normal, turning, sinking)
        turning = np.ascontiguousarray(turning.reshape(count, shapes, 3).transpose(1, 0, 2))
        return cls(normal, turning, np.ascontiguousarray(sinking.T), light.astype(np.float32))


def harmonics(normal: np.ndarray) -> np.ndarray:
    """The nine functions of second order ``[M, 9]`` at unit normals ``[M, 3]``, unnormalised."""
    x, y, z = normal.T
    return np.stack([np.ones_like(x), x, y, z, x * y, x * z, y * z, x * x - y * y, 3 * z * z - 1], 1)


def estimated_light(normal: np.ndarray, colour: np.ndarray, rounds: int = 20) -> np.ndarray:
    """The light ``[9]``, ambient part 1, under which skin of one albedo has ``colour [P, 3]`` (sRGB, 0..1).

    ``normal [P, 3]``. Robust: moles, brows and shine are doubted. Both bands are limited.
    """
    bright = linear(colour) @ np.array([0.2126, 0.7152, 0.0722])
    known = harmonics(normal)
    prior = len(bright) * np.diag([0, *[0.004] * 3, *[0.02] * 5])
    trust = np.ones(len(bright))
    light = np.zeros(9)
    for _ in range(rounds):
        light = np.linalg.solve(
            (known * trust[:, None]).T @ known + prior, (known * trust[:, None]).T @ bright
        )
        off = bright - known @ light
        trust = 1 / (1 + (off / (1.5 * 1.48 * np.median(np.abs(off)) + 1e-9)) ** 2) ** 2
    light = light / light[0]
    for band, most in ((slice(1, 4), _BAND1), (slice(4, 9), _BAND2)):
        light[band] *= min(1.0, most / max(float(np.linalg.norm(light[band])), 1e-9))
    return light


def linear(colour: np.ndarray) -> np.ndarray:
    """sRGB 0..1 to linear light."""
    return np.where(colour <= 0.04045, colour / 12.92, ((np.maximum(colour, 0) + 0.055) / 1.055) ** 2.4)


def _neighbours(triangles: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices joined by an edge: those of ``v`` are ``others[starts[v]:starts[v + 1]]``."""
    ends = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    key = np.unique(np.concatenate([ends @ [count, 1], ends @ [1, count]]))
    return np.searchsorted(key, np.arange(count + 1) * count), key % count
