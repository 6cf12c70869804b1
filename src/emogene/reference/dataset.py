"""Reading GeneFace++'s ``trainval_dataset.npy`` without trusting it.

The file is a pickle in a numpy wrapper, and a pickle may name any function to call. This reader knows the
few names that arrays and dtypes are pickled with, gives each of them a stand-in that only collects values,
and refuses every other name before anything runs.
"""

import io
import pickle
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from emogene.errors import EmoGeneError


@dataclass(frozen=True)
class OfficialDataset:
    """What a binarised GeneFace++ video holds that an avatar needs. Shapes by N frames; arrays as stored.

    ``trans``: its z is the fitted translation's minus 10 (the official code edits the array in place before
    saving, and its projection relies on it). ``eye_area_percent``: of points next to the eye's own (an off by
    one), which the checkpoints were trained with. ``idexp_lm3d [N, 204]`` is of those points too. Samples are
    dicts of ``idx``, file names, rectangles and ``c2w [4, 4]``.
    """

    bg_img: np.ndarray
    H: int
    W: int
    focal: float
    cx: float
    cy: float
    eye_area_percent: np.ndarray
    id: np.ndarray
    exp: np.ndarray
    euler: np.ndarray
    trans: np.ndarray
    idexp_lm3d: np.ndarray
    train_samples: list[dict]
    val_samples: list[dict]

    def __post_init__(self) -> None:
        frames = len(self.exp)
        shapes = {
            "exp": (frames, 64),
            "euler": (frames, 3),
            "trans": (frames, 3),
            "eye_area_percent": (frames,),
        }
        for name, shape in shapes.items():
            _check_shape(name, getattr(self, name), shape)
        if self.id.ndim != 2 or self.id.shape[1] != 80 or len(self.id) not in (1, frames):
            raise EmoGeneError(
                f"'id' of the dataset has shape {list(self.id.shape)}, not [1, 80] or [{frames}, 80]"
            )

    @property
    def c2w(self) -> np.ndarray:
        """Camera to world of all frames in order, training frames first: ``[N, 4, 4]`` float32."""
        samples = [*self.train_samples, *self.val_samples]
        try:
            poses = np.stack([sample["c2w"] for sample in samples]).astype(np.float32)
        except (KeyError, TypeError, ValueError):
            poses = np.zeros(0)
        _check_shape("c2w", poses, (len(samples), 4, 4))
        return poses


def read_dataset(path: Path) -> OfficialDataset:
    """Read ``trainval_dataset.npy``. EmoGeneError if missing, broken, hostile or incomplete."""
    content = _load_object(Path(path))
    if not isinstance(content, dict):
        raise EmoGeneError(f"{path} is not a GeneFace++ dataset: it holds no dictionary")
    names = [field.name for field in fields(OfficialDataset)]
    missing = [name for name in names if name not in content]
    if missing:
        raise EmoGeneError(f"{path} is not a complete GeneFace++ dataset: no {', '.join(missing)}")
    return OfficialDataset(**{name: content[name] for name in names})


def _check_shape(name: str, array: Any, shape: tuple[int, ...]) -> None:
    if not isinstance(array, np.ndarray) or array.shape != shape:
        found = list(array.shape) if isinstance(array, np.ndarray) else type(array).__name__
        raise EmoGeneError(f"'{name}' of the dataset is {found}, not {list(shape)}")


def _load_object(path: Path) -> Any:
    """The single Python object inside an object ``.npy``."""
    try:
        data = io.BytesIO(path.read_bytes())
    except OSError as error:
        raise EmoGeneError(f"cannot read {path}: {error.strerror}") from None
    try:
        version = np.lib.format.read_magic(data)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, dtype = read_header(data)
        if shape != () or dtype.kind != "O":
            raise EmoGeneError(f"{path} is a plain array, not a GeneFace++ dataset")
        loaded = _finish(_Unpickler(data).load())
    except EmoGeneError as error:
        raise EmoGeneError(f"{path}: {error}" if str(path) not in str(error) else str(error)) from None
    except Exception:
        # A damaged pickle can fail in any way; nothing of it has run.
        raise EmoGeneError(f"{path} is damaged or not a GeneFace++ dataset") from None
    return loaded.item() if isinstance(loaded, np.ndarray) and loaded.shape == () else loaded


class _StandIn:
    """Collects what a pickle says about one thing; ``resolve`` makes the thing itself."""

    def __setstate__(self, state: Any) -> None:
        raise EmoGeneError(f"refused: a state for {type(self).__name__}")

    def resolve(self) -> Any:
        raise NotImplementedError


class _DType(_StandIn):
    def __init__(self, kind: str, *_: Any) -> None:
        self.kind, self.order = str(kind), "="

    def __setstate__(self, state: Any) -> None:
        self.order = state[1]

    def resolve(self) -> np.dtype:
        return np.dtype(self.kind).newbyteorder(self.order if self.order in ("<", ">") else "=")


class _Array(_StandIn):
    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        _, self.shape, self.dtype, self.fortran, self.content = state

    def resolve(self) -> np.ndarray:
        dtype, content = self.dtype.resolve(), _finish(self.content)
        if dtype.kind == "O":
            result = np.empty(len(content), object)
            for i, item in enumerate(content):
                result[i] = item
        else:
            result = np.frombuffer(content, dtype).copy()
        return result.reshape(self.shape, order="F" if self.fortran else "C")


class _Scalar(_StandIn):
    def __init__(self, dtype: _DType, content: Any) -> None:
        self.dtype, self.content = dtype, content

    def resolve(self) -> Any:
        return np.frombuffer(_finish(self.content), self.dtype.resolve())[0].item()


class _Bytes(_StandIn):
    """How old pickles write bytes: a text and the name ``latin1``."""

    def __init__(self, text: str, encoding: str) -> None:
        self.text, self.encoding = text, encoding

    def resolve(self) -> bytes:
        return self.text.encode("latin1")


class _ArrayType(_StandIn):
    """The class ``numpy.ndarray``, which is named but never called."""

    def __init__(self, *_: Any) -> None:
        raise EmoGeneError("refused: it asks to run numpy.ndarray")


_STAND_INS: dict[tuple[str, str], type[_StandIn]] = {
    ("numpy", "ndarray"): _ArrayType,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _Bytes,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.multiarray", "scalar"): _Scalar,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "scalar"): _Scalar,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        try:
            return _STAND_INS[module_name, global_name]
        except KeyError:
            raise EmoGeneError(
                f"refused: it asks to run {module_name}.{global_name}, which no dataset needs"
            ) from None


def _finish(value: Any) -> Any:
    """Replace the stand-ins by what they stand for, in dictionaries, lists and tuples."""
    if isinstance(value, _StandIn):
        return value.resolve()
    if isinstance(value, dict):
        return {_finish(key): _finish(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_finish(item) for item in value)
    return value
