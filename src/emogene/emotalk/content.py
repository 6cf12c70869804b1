"""What moves with the words: speech to the jaw and mouth shapes, whatever the emotion."""

from dataclasses import dataclass

from torch import Tensor, nn

from emogene.emotalk.features import N_PROSODY
from emogene.face.arkit import ARKIT_52

# The shapes that words move; brows, eyes, nose and cheeks belong to the emotion.
SPOKEN: tuple[str, ...] = tuple(n for n in ARKIT_52 if n.startswith(("jaw", "mouth")))
REACH = 60  # input frames an output sees on each side, rounded up


@dataclass(frozen=True)
class ContentConfig:
    """Sizes of the content network."""

    inputs: int = 512
    width: int = 128
    dilations: tuple[int, ...] = (1, 2, 4, 8, 1)
    dropout: float = 0.1


class Content(nn.Module):
    """``[B, T50, 515]`` features and prosody -> ``[B, T50, 27]`` weights of :data:`SPOKEN` in 0..1, a dilated
    ConvNet.

    It looks 0.4 s to both sides, so that the lips may move before the sound and lag behind it.
    """

    def __init__(self, config: ContentConfig = ContentConfig()) -> None:
        super().__init__()
        self.config = config
        self.enter = nn.Conv1d(config.inputs + N_PROSODY, config.width, 1)
        self.blocks = nn.ModuleList(_Block(config, dilation) for dilation in config.dilations)
        self.leave = nn.Conv1d(config.width, len(SPOKEN), 1)

    def forward(self, columns: Tensor) -> Tensor:
        x = self.enter(columns.transpose(1, 2))
        for block in self.blocks:
            x = x + block(x)
        return self.leave(x).sigmoid().transpose(1, 2)


class _Block(nn.Sequential):
    def __init__(self, config: ContentConfig, dilation: int) -> None:
        super().__init__(
            nn.BatchNorm1d(config.width),
            nn.ReLU(),
            nn.Conv1d(config.width, config.width, 3, padding=dilation, dilation=dilation),
            nn.BatchNorm1d(config.width),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Conv1d(config.width, config.width, 1),
        )
