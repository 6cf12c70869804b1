"""The emotion branch's networks and tables as they are kept in one file."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from emogene.emotalk.content import Content, ContentConfig
from emogene.emotalk.emotion import HEARD
from emogene.emotalk.facs import ACTION_UNITS
from emogene.emotalk.listener import Listener, ListenerConfig
from emogene.weights.file import Format


@dataclass(frozen=True)
class Calibration:
    """How far to trust the ear; set on actors that the listener had not heard (training/emotalk.py)."""

    temperature: float = 1.0  # of the softmax, so that the probabilities are true frequencies
    sharpness: float = 2.0  # exponent of the probabilities, so that the face is not the mean of all emotions
    normal: float = 0.85  # strength of an expression spoken with normal against strong intensity
    direct: float = 0.5  # weight of the AUs heard as such against those of the emotion heard


@dataclass(frozen=True)
class EmotionConfig:
    """Sizes of the two networks, the calibration, and the actors (RAVDESS's numbers) they learnt from."""

    listener: ListenerConfig = field(default_factory=ListenerConfig)
    content: ContentConfig = field(default_factory=ContentConfig)
    calibration: Calibration = field(default_factory=Calibration)
    heard_actors: tuple[int, ...] = ()


class EmotionNet(nn.Module):
    """Listener and content with the table ``action_units [2, 8, 17]``: mean AUs of each of HEARD, spoken
    normally and strongly."""

    action_units: Tensor

    def __init__(self, config: EmotionConfig) -> None:
        super().__init__()
        self.config = config
        self.listener = Listener(config.listener)
        self.content = Content(config.content)
        self.register_buffer("action_units", torch.zeros(2, len(HEARD), len(ACTION_UNITS)))


FORMAT = Format("emogene-emotion", 1, "emotion weights", EmotionConfig, EmotionNet)
