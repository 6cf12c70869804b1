"""Make src/emogene/assets/head.safetensors: the head model, cut from ICT-FaceKit.

    python training/head_model.py [--data ../shared/data]

ICT-FaceKit (USC Institute for Creative Technologies, MIT; Li et al., "Learning Formation of Physically-Based
Face Attributes", CVPR 2020) comes in centimetres, y up, z out of the face. It is laid into the canonical
space (:mod:`emogene.face`) by the similarity that takes its 51 inner points onto the embedded mean face; the
jaw line is left out, since the tracked contour is no material point. What is stored: the mean, 20 identity
modes as int8, and the ARKit shapes as float16 where they move; of each pair of sides the left one only, since
the mesh is its own mirror image.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from scipy.spatial import KDTree

from emogene.face.head import asset_path
from emogene.face.landmarks import JAW
from emogene.face.mean import mean_face
from emogene.face.procrustes import align

MODES = 20  # more buy .1 mm on held-out points
STILL = 5e-4  # decimetres; what moves less is stored as not moving
PARTS = (*("face", "head_neck", "mouth_socket", "gums_tongue", "teeth", "eyeball_left", "eyeball_right"),)
# ICT's shapes that make one ARKit shape, with their shares. ARKit's cheekSquint is the action unit 6, which
# ICT splits into the fold below the lid (cheekSquint) and the cheek (cheekRaiser).
JOINED = {
    "browInnerUp": {"browInnerUp_L": 1.0, "browInnerUp_R": 1.0},
    "cheekPuff": {"cheekPuff_L": 1.0, "cheekPuff_R": 1.0},
    "cheekSquintLeft": {"cheekSquint_L": 1.0, "cheekRaiser_L": 0.75},
}
PAIRED = (
    *("browDown", "browOuterUp", "eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp"),
    *("eyeSquint", "eyeWide", "mouthDimple", "mouthFrown", "mouthLowerDown", "mouthPress", "mouthSmile"),
    *("mouthStretch", "mouthUpperUp", "noseSneer"),
)
SIDEWAYS = ("jawLeft", "mouthLeft")
SINGLE = (
    *("jawForward", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthRollLower"),
    *("mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
)


def recipe() -> dict[str, dict[str, float]]:
    """Of every stored ARKit shape, ICT's shapes and shares."""
    pairs = {f"{name}Left": {f"{name}_L": 1.0} for name in PAIRED}
    return JOINED | pairs | {name: {name: 1.0} for name in (*SIDEWAYS, *SINGLE)}


def kept_vertices(ict: np.lib.npyio.NpzFile) -> tuple[np.ndarray, dict[str, tuple[int, int]]]:
    """Indices of the kept parts' vertices in ICT's mesh, and each part's range in ours."""
    ranges = dict(zip(map(str, ict["part_names"]), ict["part_ranges"].tolist(), strict=True))
    rows, found, start = [], {}, 0
    for part in PARTS:
        first, stop = ranges[part]
        rows.append(np.arange(first, stop))
        found[part] = (start, start + stop - first)
        start += stop - first
    return np.concatenate(rows), found


def mirrored_vertices(vertices: np.ndarray) -> np.ndarray:
    """Of each vertex ``[V]``, the one at its mirror image in x = 0."""
    _, partner = KDTree(vertices).query(vertices * [-1, 1, 1])
    return np.asarray(partner)


def canonical(ict: np.lib.npyio.NpzFile) -> tuple[float, np.ndarray, np.ndarray]:
    """Scale (decimetres per centimetre), rotation and translation from ICT's frame to the canonical one.

    The rotation is one about x, the translation has no x: both faces are symmetric.
    """
    inner = slice(JAW.stop, None)
    source = ict["neutral"][ict["landmarks_68"]].astype(np.float64)[inner]
    scale, rotation, translation = align(source, mean_face()[inner].astype(np.float64))
    tilt = np.arctan2(rotation[2, 1], rotation[1, 1])
    c, s = np.cos(tilt), np.sin(tilt)
    return float(scale), np.array([[1, 0, 0], [0, c, -s], [0, s, c]]), translation * [0, 1, 1]


def stored_shape(moved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bits of the moving vertices (packed ``[V / 8]``) and their displacements, float16 ``[M, 3]``."""
    moving = np.abs(moved).max(1) > STILL
    return np.packbits(moving), moved[moving].astype(np.float16)


def rigid_eyes(shape: np.ndarray, parts: dict[str, tuple[int, int]]) -> np.ndarray:
    """Eyeballs turn by the gaze, never by a shape."""
    for eye in ("eyeball_left", "eyeball_right"):
        shape[slice(*parts[eye])] = 0
    return shape


def kept_points(
    vertices: np.ndarray, correspondence: np.lib.npyio.NpzFile, ours: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """MediaPipe's points on our vertices, ``[468, 3]`` twice; where a part is cut, the nearest."""
    vertex, weight = correspondence["vertex"], correspondence["weight"].astype(np.float64)
    lost = ((ours[vertex] < 0) & (weight > 0)).any(1)
    points = (vertices[vertex[lost]] * weight[lost][..., None]).sum(1)
    kept = np.flatnonzero(ours >= 0)
    vertex = np.where(weight > 0, vertex, vertex[np.arange(len(vertex)), weight.argmax(1)][:, None])
    vertex[lost] = kept[KDTree(vertices[kept]).query(points)[1]][:, None]
    return ours[vertex], weight


def tensors(data: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    with (
        np.load(data / "ict_facekit" / "ict_facekit.npz") as ict,
        np.load(data / "ict_facekit" / "mediapipe_correspondence.npz") as correspondence,
    ):
        rows, parts = kept_vertices(ict)
        ours = np.full(len(ict["neutral"]), -1)
        ours[rows] = np.arange(len(rows))
        scale, rotation, translation = canonical(ict)
        mean = scale * ict["neutral"][rows].astype(np.float64) @ rotation.T + translation
        identity = scale * ict["identity"][:MODES, rows].astype(np.float64) @ rotation.T
        step = np.abs(identity).max((1, 2)) / 127
        columns = {str(name): i for i, name in enumerate(ict["expression_names"])}
        moved, bits = [], []
        for shares in recipe().values():
            made = [columns[name] for name in shares]
            shape = np.tensordot(np.array([*shares.values()]), ict["expression"][made].astype(np.float64), 1)
            moving, displacement = stored_shape(rigid_eyes(scale * shape[rows] @ rotation.T, parts))
            bits.append(moving)
            moved.append(displacement)
        faces = ict["faces"]
        faces = faces[((ours[faces] >= 0) | (faces < 0)).all(1)]
        vertex, weight = kept_points(ict["neutral"], correspondence, ours)
        tilt = np.degrees(np.arctan2(rotation[2, 1], rotation[1, 1]))
        stored = {
            "mean": mean.astype(np.float32),
            "identity": np.round(identity / step[:, None, None]).astype(np.int8),
            "identity_step": step.astype(np.float32),
            "moving": np.stack(bits),
            "displacement": np.concatenate(moved),
            "mirror": mirrored_vertices(mean).astype(np.uint16),
            "faces": np.where(faces < 0, len(rows), ours[faces]).astype(np.uint16),
            "landmarks": ours[ict["landmarks_68"]].astype(np.uint16),
            "mediapipe_vertex": vertex.astype(np.uint16),
            "mediapipe_weight": weight.astype(np.float32),
            "parts": np.array([parts[name] for name in PARTS], np.uint16),
        }
    notes = {
        "licence": "MIT",
        "source": "ICT-FaceKit light, USC Institute for Creative Technologies (head.LICENSE)",
        "made_by": "training/head_model.py",
        "shapes": " ".join(recipe()),
        "parts": " ".join(PARTS),
        "canonical": f"{scale:.5f} dm/cm, tilted by {tilt:.3f} degrees about x, moved by "
        f"{translation[1]:.4f} up and {translation[2]:.4f} out (dm)",
    }
    return stored, notes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[1] / "../shared/data")
    args = parser.parse_args()
    stored, notes = tensors(args.data)
    save_file(stored, asset_path(), metadata=notes)
    asset_path().chmod(0o644)
    shutil.copyfile(args.data / "ict_facekit" / "LICENSE", asset_path().with_name("head.LICENSE"))
    asset_path().with_name("head.LICENSE").chmod(0o644)
    print(f"{asset_path().stat().st_size / 1e6:.2f} MB; {notes['canonical']}")


if __name__ == "__main__":
    main()
