"""Official GeneFace++ files, as the user has them, into one avatar file."""

from pathlib import Path
from typing import Any

import numpy as np

from emogene.avatar.file import Provenance
from emogene.avatar.track import resting_face
from emogene.errors import EmoGeneError
from emogene.face.landmarks import OUTER_EYE_CORNERS
from emogene.reference.avatar import OfficialAvatar
from emogene.reference.bfm import INDEX_FILE, MODEL_FILE, load_bfm
from emogene.reference.checkpoint import latest_checkpoint
from emogene.reference.condition import EyeRange, LandmarkStatistics, ngp_poses, smooth_poses
from emogene.reference.dataset import OfficialDataset, read_dataset
from emogene.reference.face_model import LinearFaceModel
from emogene.reference.hparams import config_file, read_hparams
from emogene.reference.radnerf.checkpoint import RELEASED, Options, load
from emogene.reference.radnerf.rays import OFFICIAL_CENTRE, OFFICIAL_FOCAL
from emogene.reference.radnerf.renderer import Portrait
from emogene.reference.renderer import PoseTrack
from emogene.reference.space import BaselSpace
from emogene.weights.embedded import sha256

FEWEST_FRAMES = 10  # of the dataset: the neighbours that the LLE takes
TERMS = "importer's own use (holds parts of the Basel face model: research only, not to be passed on)"


def import_official(
    name: str,
    dataset: Path,
    bfm: Path,
    head: Path | None = None,
    torso: Path | None = None,
    consent: str = "not stated",
    source: str = "not stated",
) -> OfficialAvatar:
    """An avatar from checkpoints (files or folders), ``trainval_dataset.npy`` and the Basel face model's
    folder.

    A torso's checkpoint carries the head it was trained with, and that head is used; ``head`` is for avatars
    without a torso. Raises EmoGeneError, one line, that names the file with the fault.
    """
    chosen = torso or head
    if chosen is None:
        raise EmoGeneError("which networks? give --torso, or --head for an avatar without a torso")
    portrait, scale = _networks(head, torso, chosen)
    recorded, face = read_dataset(dataset), load_bfm(bfm)
    _check(recorded, dataset)
    _check_face(face, bfm)
    displacement = face.displacement(recorded.id[0] if len(recorded.id) == 1 else recorded.id, recorded.exp)
    person = np.tensordot(recorded.id[0], face.identity_basis, 1)[None].astype(np.float32)
    database = face.mean + displacement
    return OfficialAvatar(
        provenance=Provenance(name, consent, source, TERMS, "GeneFace++ (Ye et al. 2023); Basel face model"),
        space=BaselSpace(
            neutral=resting_face(database),
            database=database,
            origin=face.mean,
            model=LinearFaceModel(face.mean, person, face.expression_basis),
        ),
        statistics=LandmarkStatistics.of(10 * displacement),
        eyes=EyeRange.of(recorded.eye_area_percent),
        track=PoseTrack(
            camera=ngp_poses(smooth_poses(recorded.c2w), scale),
            euler=np.asarray(recorded.euler, np.float32),
            trans=np.asarray(recorded.trans, np.float32),
        ),
        portrait=portrait,
        background=np.asarray(recorded.bg_img, np.uint8),
        native=portrait.superres.config.size if portrait.superres else int(recorded.H),
        training={
            "imported": _checksums(head, torso, dataset, bfm),
            "assumed": _assumed(chosen),
        },
    )


def _networks(head: Path | None, torso: Path | None, chosen: Path) -> tuple[Portrait, float]:
    """The portrait of the ``chosen`` one, and the unit of its camera's translations."""
    if torso and head:
        load(head, _options(head)[0])  # a wrong file is better found now
    options, scale = _options(chosen)
    portrait = load(chosen, options)
    if torso and portrait.torso is None:
        raise EmoGeneError(f"{torso}: a head's checkpoint, not a torso's; give it as --head")
    return portrait, scale


def _options(checkpoint: Path) -> tuple[Options, float]:
    """What ``config.yaml`` beside a checkpoint says of its networks, and its ``camera_scale``."""
    hparams = {**RELEASED, **read_hparams(checkpoint)}
    try:
        return Options.of(hparams), float(hparams["camera_scale"])
    except (TypeError, ValueError) as error:
        raise EmoGeneError(f"{checkpoint}: config.yaml beside it is not GeneFace++'s ({error})") from None


def _assumed(checkpoint: Path) -> dict[str, Any]:
    """What no ``config.yaml`` beside the checkpoint says, and was taken as :data:`RELEASED` has it."""
    said = read_hparams(checkpoint)
    return {name: value for name, value in RELEASED.items() if name not in said}


def _checksums(head: Path | None, torso: Path | None, dataset: Path, bfm: Path) -> dict[str, str]:
    """sha256 of every file that was read, by folder and name."""
    checkpoints = [latest_checkpoint(path) for path in (head, torso) if path]
    configs = [config_file(path) for path in checkpoints]
    files = [*checkpoints, *configs, dataset, bfm / MODEL_FILE, bfm / INDEX_FILE]
    return {"/".join(path.resolve().parts[-2:]): sha256(path) for path in files if path.is_file()}


def _check_face(face: LinearFaceModel, bfm: Path) -> None:
    """A model in another unit, or an index of another mesh, would otherwise give a face without a shape."""
    right, left = (face.mean[corner] for corner in OUTER_EYE_CORNERS)
    if not (0.5 < np.linalg.norm(left - right) < 1.5 and right[0] < left[0]):
        raise EmoGeneError(f"{bfm}: the eye corners are not where GeneFace++'s face model has them")


def _check(recorded: OfficialDataset, path: Path) -> None:
    frames = len(recorded.exp)
    if frames < FEWEST_FRAMES:
        raise EmoGeneError(f"{path}: {frames} frames of video; an avatar needs at least {FEWEST_FRAMES}")
    if len(recorded.train_samples) + len(recorded.val_samples) != frames:
        raise EmoGeneError(f"{path}: {frames} frames of motion, but another number of camera poses")
    if (recorded.focal, recorded.cx, recorded.cy) != (OFFICIAL_FOCAL, OFFICIAL_CENTRE, OFFICIAL_CENTRE):
        raise EmoGeneError(f"{path}: its camera is not the one that GeneFace++ fits faces with")
    numbers = ("id", "exp", "euler", "trans", "eye_area_percent", "c2w")
    wrong = [name for name in numbers if not np.isfinite(getattr(recorded, name)).all()]
    if wrong:
        raise EmoGeneError(f"{path}: values that are not finite in {', '.join(wrong)}")
