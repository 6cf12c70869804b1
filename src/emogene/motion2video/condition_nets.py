"""Networks between a landmark condition and the head field."""

from itertools import pairwise

import torch
from torch import Tensor, nn


def _convolutions(channels: list[int], slope: float = 0.02) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in pairwise(channels):
        layers += [nn.Conv1d(a, b, 3, padding=1), nn.LeakyReLU(slope)]
    return nn.Sequential(*layers)


class AudioNet(nn.Module):
    """One code per frame of a condition window: ``[window, 1, inputs] -> [window, width]``.

    (RAD-NeRF fed it audio, hence the name; GeneFace++ feeds landmarks.)
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.encoder_conv = _convolutions([inputs, 32, 32, 64, 64])
        self.encoder_fc1 = nn.Sequential(nn.Linear(64, 64), nn.LeakyReLU(0.02), nn.Linear(64, width))

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder_fc1(self.encoder_conv(x.transpose(1, 2)).squeeze(-1))


class AttentionNet(nn.Module):
    """The window's codes averaged by learnt attention: ``[window, width] -> [1, width]``."""

    def __init__(self, width: int, window: int) -> None:
        super().__init__()
        self.attentionConvNet = _convolutions([width, 16, 8, 4, 2, 1])
        self.attentionNet = nn.Sequential(nn.Linear(window, window), nn.Softmax(dim=-1))

    def forward(self, x: Tensor) -> Tensor:
        scores = self.attentionConvNet(x.T[None]).flatten()
        return self.attentionNet(scores)[None] @ x


class LandmarkBasis(nn.Module):
    """Direct condition: landmarks as whitened principal components, ``[F, 68, 3] -> [F, width]``.

    Fitted on an avatar's training frames, not trained. Components stay within the range seen there;
    :meth:`split` gives what lies beyond it to the warp.
    """

    mean: Tensor
    basis: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(204))
        self.register_buffer("basis", torch.zeros(204, width))
        self.register_buffer("low", torch.full((width,), -3.0))
        self.register_buffer("high", torch.full((width,), 3.0))

    @torch.no_grad()
    def fit(self, landmarks: Tensor, quantile: float = 0.01) -> None:
        """From training frames ``[N, 68, 3]``: components of unit deviation, clamped at these quantiles."""
        rows = landmarks.reshape(len(landmarks), -1).double()
        mean = rows.mean(0)
        _, singular, axes = torch.linalg.svd(rows - mean, full_matrices=False)
        width = self.basis.shape[1]
        deviation = singular[:width] / (len(rows) - 1) ** 0.5
        self.mean.copy_(mean)
        self.basis.copy_(axes[:width].T * deviation)
        components = self(landmarks)
        self.low.copy_(components.quantile(quantile, 0))
        self.high.copy_(components.quantile(1 - quantile, 0))

    def forward(self, landmarks: Tensor) -> Tensor:
        rows = landmarks.reshape(len(landmarks), -1) - self.mean
        return rows @ (self.basis / self.basis.square().sum(0))

    def split(self, landmarks: Tensor) -> tuple[Tensor, Tensor]:
        """Components within the training range ``[F, width]``; the displacement they omit ``[F, 68, 3]``."""
        components = torch.minimum(torch.maximum(self(landmarks), self.low), self.high)
        inside = self.mean + components @ self.basis.T
        return components, landmarks - inside.reshape(landmarks.shape)
