from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.weak import WeakTensorKeyDictionary

from emogene.face.arkit import ARKIT_52
from emogene.face.landmarks import Landmarks
from emogene.face.pose import HeadPose
from emogene.performance import Performance
from emogene.track import Track

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


class PretendedCuda(TorchFunctionMode):
    """Remembers which tensors would be on a GPU, while all are computed on the CPU, on the calling thread.

    As there, tensors of two devices do not meet (but for numbers), arrays are of the CPU only, and a tensor
    is on the CPU unless something says otherwise.
    """

    def __init__(self) -> None:
        super().__init__()
        self.there = WeakTensorKeyDictionary()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        leaves = tree_leaves((args, kwargs := kwargs or {}))
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        name = getattr(func, "__name__", str(func))
        if func is torch.device or name in ("_parse_to", "_has_compatible_shallow_copy_type"):
            return func(*args, **kwargs)
        if func == Tensor.device.__get__:  # type: ignore[attr-defined]
            return CUDA if tensors[0] in self.there else CPU
        if func == Tensor.data.__set__:  # type: ignore[attr-defined]
            self._place(tensors[0], tensors[1] in self.there)
            return func(*args)
        moves = func in (Tensor.to, Tensor.cpu, Tensor.copy_)
        asked = [torch.device(leaf) for leaf in leaves if _is_device(leaf)]
        asked = [CPU] if func is Tensor.cpu else asked
        if func is Tensor.to and len(tensors) == 2:  # to where another tensor is
            asked = [CUDA if tensors[1] in self.there else CPU]
        places = {tensor in self.there for tensor in tensors if tensor.dim()}
        if len(places) == 2 and not moves:
            raise RuntimeError(f"{name}: tensors of two devices")
        if func is Tensor.numpy and places == {True}:
            raise TypeError(f"{name}: not on the CPU")
        there = asked[0] == CUDA if asked else any(tensor in self.there for tensor in tensors)
        args, kwargs = tree_map(lambda leaf: CPU if _is_device(leaf) else leaf, (args, kwargs))
        result = func(*args, **kwargs)
        if moves and asked and any(result is tensor for tensor in tensors):
            result = result.clone()
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and all(leaf is not tensor for tensor in tensors):
                self._place(leaf, there)
        return result

    def _place(self, tensor: Tensor, there: bool) -> None:
        if there:
            self.there[tensor] = True
        else:
            self.there.pop(tensor, None)


def _is_device(value: Any) -> bool:
    return isinstance(value, torch.device) or (isinstance(value, str) and value in ("cpu", "cuda"))


@pytest.fixture(autouse=True)
def _the_same_random_numbers_every_time() -> None:
    torch.manual_seed(0)


@pytest.fixture
def pretended_cuda(monkeypatch) -> Iterator[None]:
    """Code that asks for CUDA runs on the CPU, and fails where it would on a GPU for a tensor left behind."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with PretendedCuda():
        with pytest.raises(RuntimeError, match="two devices"):
            torch.zeros(3, device="cuda") + torch.zeros(3)
        with pytest.raises(TypeError, match="CPU"):
            torch.zeros(3).to(CUDA).numpy()
        assert torch.zeros(3, device=CUDA).new_ones(2).device == CUDA
        yield


@pytest.fixture(scope="session")
def performed() -> Callable[..., Performance]:
    """Makes a performance of what a renderer looks at; the rest of it is still."""

    def make(
        points: np.ndarray,
        head: HeadPose,
        gaze: np.ndarray | None = None,
        blink: np.ndarray | None = None,
    ) -> Performance:
        """``points [T, 68, 3]``, T poses, ``gaze [T, 2]`` radians, ``blink [T]``."""
        frames, fps = len(points), head.fps
        faces = Landmarks.of(np.asarray(points, np.float32), fps)
        unseen = Landmarks.of(0.5 * faces.points, fps)

        def track(values: np.ndarray | None, names: tuple[str, ...], unit: str) -> Track:
            still = np.zeros((frames, len(names)))
            shown = still if values is None else values.reshape(frames, len(names))
            return Track(np.asarray(shown, np.float32), names, fps, unit)

        return Performance(
            landmarks=faces,
            lips=unseen,
            emotion=unseen,
            speech_shapes=track(None, ARKIT_52, "weight"),
            emotion_shapes=track(None, ARKIT_52, "weight"),
            blink=track(blink, ("blink",), "share"),
            gaze=track(gaze, ("right", "up"), "rad"),
            head=head,
            loudness=track(None, ("loudness",), "dB"),
            heard=None,
            shown=None,
        )

    return make
