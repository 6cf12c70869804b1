"""Networks between a landmark condition and the head field."""

from itertools import pairwise

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
