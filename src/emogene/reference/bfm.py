"""The Basel face model of GeneFace++, from the files the user brings (their licence forbids redistribution).

``BFM_model_front.mat``: meanshape [3N], idBase [3N, 80], exBase [3N, 64] in decimetres, N = 35709;
``index_mp468_from_mesh35709.npy``: the vertex of each of MediaPipe's 468 points, negative where there is
none, for which GeneFace++ takes vertex 0.
"""

from pathlib import Path

import numpy as np
from scipy.io import loadmat

from emogene.errors import EmoGeneError
from emogene.face.landmarks import MEDIAPIPE_68
from emogene.reference.face_model import LinearFaceModel

MODEL_FILE = "BFM_model_front.mat"
INDEX_FILE = "index_mp468_from_mesh35709.npy"
N_MEDIAPIPE = 468
N_IDENTITY, N_EXPRESSION = 80, 64


def load_bfm(folder: Path | str) -> LinearFaceModel:
    """The face model at the 68 points, from a folder with both files.

    GeneFace++'s ``idexp_lm3d`` is ten times ``displacement`` and ``cano_lm3d`` is ``landmarks``.
    """
    folder = Path(folder)
    arrays = _read_model(folder / MODEL_FILE)
    vertex = _read_index(folder / INDEX_FILE)
    mean = arrays["meanshape"].reshape(-1, 3)
    if vertex.max() >= len(mean):
        raise EmoGeneError(
            f"{folder / INDEX_FILE}: points at vertex {vertex.max()} of a model with {len(mean)}"
        )
    chosen = np.maximum(vertex, 0)[list(MEDIAPIPE_68)]
    bases = (arrays[name].reshape(len(mean), 3, -1)[chosen] for name in ("idBase", "exBase"))
    identity, expression = (np.ascontiguousarray(np.moveaxis(b, -1, 0), np.float32) for b in bases)
    return LinearFaceModel((mean - mean.mean(0))[chosen].astype(np.float32), identity, expression)


def _read_model(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as opened:
            arrays = loadmat(opened, variable_names=["meanshape", "idBase", "exBase"])
    except FileNotFoundError:
        raise EmoGeneError(f"{path}: not found; see docs/official.md for where to get it") from None
    except Exception as error:  # scipy's reader raises many kinds on damaged files
        raise EmoGeneError(f"{path}: not a readable Matlab file ({type(error).__name__})") from None
    missing = [name for name in ("meanshape", "idBase", "exBase") if name not in arrays]
    if missing:
        raise EmoGeneError(f"{path}: not a Basel face model of GeneFace++: no {', '.join(missing)}")
    size = arrays["meanshape"].size
    expected = {"meanshape": size, "idBase": size * N_IDENTITY, "exBase": size * N_EXPRESSION}
    for name, count in expected.items():
        values = arrays[name]
        if size % 3 or values.size != count or not np.issubdtype(values.dtype, np.floating):
            raise EmoGeneError(
                f"{path}: {name} has shape {list(values.shape)} of {values.dtype}, not a face model"
            )
        if not np.isfinite(values).all():
            raise EmoGeneError(f"{path}: {name} has values that are not finite")
    return arrays


def _read_index(path: Path) -> np.ndarray:
    try:
        index = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise EmoGeneError(f"{path}: not found; see docs/official.md for where to get it") from None
    except (ValueError, OSError, EOFError) as error:
        raise EmoGeneError(f"{path}: not a readable array ({type(error).__name__})") from None
    if not isinstance(index, np.ndarray) or index.shape != (N_MEDIAPIPE,) or index.dtype.kind not in "iu":
        raise EmoGeneError(f"{path}: expected {N_MEDIAPIPE} vertex numbers")
    return index.astype(np.int64)
