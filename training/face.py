"""Make src/emogene/assets/face.safetensors: the embedded mean face.

    python training/face.py [--data ../shared/data]

Mean face: generalised Procrustes alignment of GRID speaker 1's tracked landmarks (CC BY 4.0; Cooke, Barker,
Cunningham and Shao 2006), resting frames only, made symmetric, in MediaPipe's frontal orientation.
"""

import argparse
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from scipy.spatial.transform import Rotation

from emogene.face.canonical import STABLE, canonicalise
from emogene.face.landmarks import OUTER_EYE_CORNERS, eye_openness, mouth_openness
from emogene.face.mean import asset_path
from emogene.face.mirror import mirror
from emogene.face.procrustes import align, transform
from grid import DATA, raw_landmarks

NOTES = {
    "licence": "CC BY 4.0",
    "source": "GRID corpus, speaker 1 (Cooke, Barker, Cunningham, Shao 2006; CC BY 4.0)",
    "made_by": "training/face.py",
}
EYE_CORNER_DISTANCE = 0.90  # decimetres, by definition of the canonical space


def normalise(face: np.ndarray) -> np.ndarray:
    """Symmetric in x = 0, centred, outer eye corners 0.90 apart ``[68, 3]``; the pitch is kept."""
    reflected = mirror(face)
    scale, rotation, translation = align(reflected, face)
    face = (face + transform(reflected, scale, rotation, translation)) / 2
    # A tilted face's mirror image is turned by twice the tilt.
    tilt = Rotation.from_rotvec(Rotation.from_matrix(rotation).as_rotvec() / 2).as_matrix()
    face = (face - face.mean(0)) @ tilt
    face = (face + mirror(face)) / 2
    right, left = OUTER_EYE_CORNERS
    return face * EYE_CORNER_DISTANCE / np.linalg.norm(face[left] - face[right])


def resting(points: np.ndarray) -> np.ndarray:
    """The mean of the frames with closed mouth and open eyes, ``[N, 68, 3] -> [68, 3]``."""
    mouth, eyes = mouth_openness(points), eye_openness(points)
    closed = mouth < np.quantile(mouth, 0.15)
    return points[closed & (eyes > np.quantile(eyes, 0.5))].mean(0)


def first_mean(archive: np.lib.npyio.NpzFile) -> np.ndarray:
    """Weak perspective alignment, seeded by MediaPipe's own head rotation."""
    upright = raw_landmarks(archive)[::5, :68].astype(np.float64) * np.array([1, -1, -1])
    head = archive["facial_transform"][::5, :3, :3].astype(np.float64)
    target = np.einsum("nji,npj->npi", head, upright - upright.mean(1, keepdims=True)).mean(0)
    aligned = upright
    for _ in range(5):
        aligned = transform(upright, *align(upright[:, STABLE], target[STABLE]))
        target = aligned.mean(0)
    return normalise(resting(aligned))


def mean_face(archive: np.lib.npyio.NpzFile, rounds: int = 3) -> np.ndarray:
    """The resting face ``[68, 3]``: the mean under weak perspective, then under the pinhole camera."""
    width, height = (int(n) for n in archive["image_size"])
    tracked = raw_landmarks(archive)[::5, :68]
    face = first_mean(archive)
    for _ in range(rounds):
        face = normalise(
            resting(canonicalise(tracked, (width, height), sigma=0, template=face).motion.points)
        )
    return face


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=asset_path())
    options = parser.parse_args()
    with np.load(options.data / "grid_s1" / "tracks.npz") as archive:
        face = mean_face(archive).astype(np.float32)
    save_file({"mean": face}, options.out, metadata=NOTES)


if __name__ == "__main__":
    main()
