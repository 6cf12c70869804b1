"""The networks of the emotion branch as stages."""

import numpy as np
import torch
from torch import nn

from emogene.clock import SPEECH_FPS
from emogene.stream import Stage


class NetworkStage(Stage):
    """``network [1, N, D + 3] -> [1, N / stride, K]`` over features ``[T, D]`` beside prosody ``[T, 3]``,
    both 50 Hz; output j is at input frame ``j * stride``, ``[ceil(T / stride), K]`` float32.

    ``reach``: how many frames on both sides one output sees, a multiple of ``stride``. A recording stands in
    silence, which is 0 in every column.
    """

    heard = SPEECH_FPS

    def __init__(self, network: nn.Module, reach: int, stride: int = 1) -> None:
        self.network, self._reach = network, reach
        self.step, self.rate = stride, SPEECH_FPS / stride
        self.look_back = self.look_ahead = reach

    @torch.inference_mode()
    def __call__(self, first: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        features, prosody = inputs
        columns = np.concatenate([features.astype(np.float32), prosody], axis=1)
        missing = -len(columns) % self.step
        window = np.pad(columns, ((self._reach, self._reach + missing), (0, 0)))
        device = next(self.network.parameters()).device
        found = self.network(torch.from_numpy(window)[None].to(device))[0].float().cpu().numpy()
        edge = self._reach // self.step
        return (found[edge : len(found) - edge],)
