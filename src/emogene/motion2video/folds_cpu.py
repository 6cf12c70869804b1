"""Numba: what each shape does to a mesh's normals, and where it folds the mesh."""

import numpy as np

from emogene.kernel import kernel

f4 = np.float32
_HALF, _ONE, _TINY = f4(0.5), f4(1), f4(1e-12)
_MILLIMETRES = f4(100)  # in a decimetre


@kernel
def vertex_normals(vertices, triangles, out):
    """Unit normals ``out [V, 3]`` of ``vertices [V, 3]`` (see face.head.normals)."""
    out[:] = f4(0)
    for t in range(triangles.shape[0]):
        i, j, k = vertices[triangles[t, 0]], vertices[triangles[t, 1]], vertices[triangles[t, 2]]
        ax, ay, az = j[0] - i[0], j[1] - i[1], j[2] - i[2]
        bx, by, bz = k[0] - i[0], k[1] - i[1], k[2] - i[2]
        x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        for corner in range(3):
            v = triangles[t, corner]
            out[v, 0] += x
            out[v, 1] += y
            out[v, 2] += z
    for v in range(out.shape[0]):
        x, y, z = out[v, 0], out[v, 1], out[v, 2]
        share = _ONE / max(np.sqrt(x * x + y * y + z * z), _TINY)
        out[v, 0], out[v, 1], out[v, 2] = x * share, y * share, z * share


@kernel
def smoothed(values, starts, others, out):
    """``out [V, C]``: of ``values [V, C]`` a vertex's own and the mean of its neighbours', half each."""
    for v in range(values.shape[0]):
        share = _HALF / f4(max(starts[v + 1] - starts[v], 1))
        into = out[v]
        into[:] = _HALF * values[v]
        for e in range(starts[v], starts[v + 1]):
            near = values[others[e]]
            for c in range(values.shape[1]):
                into[c] += share * near[c]


@kernel
def fold(neutral, moved, triangles, starts, others, rounds, normal, turning, sinking):
    """Fills ``normal [V, 3]`` at rest and, of each of ``S`` shapes at 1, smoothed once,

    ``turning [V, 3 S]``: the change of the normals; ``sinking [V, S]``: of how far a vertex lies below its
    neighbourhood, ``rounds`` times smoothed, millimetres. ``neutral [V, 3]`` and ``moved [V, 3 S]``: the mesh
    and what the shapes add, decimetres; ``starts, others``: each vertex's neighbours (see shading). float32.
    """
    count, shapes = sinking.shape
    level, flat, room = neutral.copy(), moved.copy(), np.empty_like(moved)
    for _ in range(rounds):
        smoothed(flat, starts, others, room)
        flat, room = room, flat
        smoothed(level, starts, others, normal)
        level[:] = normal
    vertex_normals(neutral, triangles, normal)
    posed, turned = np.empty_like(neutral), np.empty_like(neutral)
    turns, sinks = room, np.empty_like(sinking)
    for shape in range(shapes):
        first = 3 * shape
        posed[:] = neutral + moved[:, first : first + 3]
        vertex_normals(posed, triangles, turned)
        for v in range(count):
            before, after = f4(0), f4(0)
            for axis in range(3):
                below = level[v, axis] - neutral[v, axis]
                before += below * normal[v, axis]
                after += (below + flat[v, first + axis] - moved[v, first + axis]) * turned[v, axis]
                turns[v, first + axis] = turned[v, axis] - normal[v, axis]
            sinks[v, shape] = _MILLIMETRES * (after - before)
    smoothed(turns, starts, others, turning)
    smoothed(sinks, starts, others, sinking)
