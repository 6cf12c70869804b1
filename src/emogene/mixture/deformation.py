"""Emotion by a label alone: the landmark deformation of a related system of the same name (EmoGene, FG 2025).

An alternative to accumulating an emotion branch's displacement, kept for its released checkpoints.
"""

import numpy as np
import torch
from torch import Tensor, nn

from emogene.errors import EmoGeneError

# The published order of the labels: alphabetical.
LABELS = ("angry", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise")
COORDINATES = 204


class LandmarkDeformation(nn.Module):
    """Neutral landmarks and a label to emotional ones; the module's keys are the checkpoint's."""

    def __init__(self) -> None:
        super().__init__()
        self.emotion_embedding = nn.Embedding(len(LABELS), 16)
        self.regressor = nn.Sequential(
            nn.Linear(COORDINATES + 16, 256),
            nn.ReLU(),
            nn.Linear(256, 256),
            nn.ReLU(),
            nn.Linear(256, COORDINATES),
        )

    def forward(self, landmarks: Tensor, label: Tensor) -> Tensor:
        """What to add to ``landmarks [T, 204]`` for ``label`` (one index): ``[T, 204]``."""
        embedded = self.emotion_embedding(label).expand(len(landmarks), -1)
        return self.regressor(torch.cat([landmarks, embedded], 1))

    @torch.no_grad()
    def deform(self, displacement: np.ndarray, emotion: str, amount: float = 1.0) -> np.ndarray:
        """Displacements ``[T, 68, 3]`` from the mean face in centimetres, before the LLE, with an emotion."""
        if emotion not in LABELS:
            raise EmoGeneError(f"the landmark deformation knows {', '.join(LABELS)}, not '{emotion}'")
        landmarks = torch.from_numpy(displacement.reshape(len(displacement), COORDINATES).astype(np.float32))
        moved = landmarks + amount * self(landmarks, torch.tensor(LABELS.index(emotion)))
        return moved.numpy().reshape(displacement.shape)
