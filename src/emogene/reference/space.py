"""The landmark space of an avatar made from official checkpoints: that of the Basel face model."""

from dataclasses import dataclass

from emogene.face.space import LandmarkSpace
from emogene.reference.face_model import LinearFaceModel


@dataclass(frozen=True)
class BaselSpace(LandmarkSpace):
    """A landmark space whose ``origin`` is the model's mean face."""

    model: LinearFaceModel = None  # pyright: ignore[reportAssignmentType]
    """The Basel model's mean face, this person as the only identity, and its expressions."""
