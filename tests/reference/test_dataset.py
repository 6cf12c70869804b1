import pickle
from pathlib import Path

import numpy as np
import pytest

from emogene.errors import EmoGeneError
from emogene.reference.dataset import read_dataset

FRAMES = 44


def content(rng: np.random.Generator) -> dict:
    """A dataset of the official layout (shapes and types as the official code wrote them)."""
    samples = [
        {
            "idx": i,
            "head_img_fname": f"head/{i:08d}.png",
            "face_rect": [1, 2, 3, 4],
            "c2w": np.eye(4) * (i + 1),
        }
        for i in range(FRAMES)
    ]
    return {
        "bg_img": rng.integers(0, 255, (8, 8, 3)).astype(np.uint8),
        "H": 512, "W": np.int64(512), "focal": 1015, "cx": np.float64(112), "cy": 112.0,
        "eye_area_percent": rng.random(FRAMES, np.float32),
        "id": rng.random((1, 80), np.float32),
        "exp": np.asfortranarray(rng.random((FRAMES, 64), np.float32)),
        "euler": rng.random((FRAMES, 3)).astype(">f4"),
        "trans": rng.random((FRAMES, 3), np.float32),
        "idexp_lm3d": rng.random((FRAMES, 204), np.float32),
        "hubert": rng.random((2, 3)),
        "train_samples": samples[:40], "val_samples": samples[40:],
    }  # fmt: skip


def write(path: Path, value: object) -> Path:
    np.save(path, np.array(value, dtype=object), allow_pickle=True)
    return path


def test_reads_what_numpy_wrote(tmp_path):
    wrote = content(np.random.default_rng(0))
    read = read_dataset(write(tmp_path / "trainval_dataset.npy", wrote))
    for name in ("bg_img", "eye_area_percent", "id", "exp", "euler", "trans", "idexp_lm3d"):
        np.testing.assert_array_equal(getattr(read, name), wrote[name])
        assert getattr(read, name).dtype.kind == wrote[name].dtype.kind
    assert (read.H, read.W, read.focal, read.cx, read.cy) == (512, 512, 1015, 112.0, 112.0)
    assert read.train_samples[3]["head_img_fname"] == "head/00000003.png"
    np.testing.assert_array_equal(read.c2w[:, 0, 0], np.arange(1, FRAMES + 1))


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_reads_every_protocol(tmp_path, protocol):
    wrote = content(np.random.default_rng(1))
    path = tmp_path / "old.npy"
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
        pickle.dump(np.array(wrote, dtype=object), file, protocol=protocol)
    np.testing.assert_array_equal(read_dataset(path).exp, wrote["exp"])


class Call:
    """Pickles to a call of any function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "make", [lambda p: Call(Path.touch, p), lambda p: Call(eval, f"open({str(p)!r}, 'w')")]
)
def test_refuses_a_hostile_file(tmp_path, make):
    trap = tmp_path / "trap"
    hostile = content(np.random.default_rng(2)) | {"hubert": make(trap)}
    with pytest.raises(EmoGeneError, match="refused"):
        read_dataset(write(tmp_path / "hostile.npy", hostile))
    assert not trap.exists()


def test_refuses_to_call_numpy(tmp_path):
    hostile = content(np.random.default_rng(2)) | {"hubert": Call(np.ndarray, (10**12,), "f8")}
    with pytest.raises(EmoGeneError, match="refused"):
        read_dataset(write(tmp_path / "hostile.npy", hostile))


def test_broken_files(tmp_path):
    good = write(tmp_path / "good.npy", content(np.random.default_rng(3)))
    cut = tmp_path / "cut.npy"
    cut.write_bytes(good.read_bytes()[:5000])
    plain = tmp_path / "plain.npy"
    np.save(plain, np.zeros(3))
    text = tmp_path / "text.npy"
    text.write_text("not numpy")
    other = write(tmp_path / "other.npy", "text")
    partial = write(tmp_path / "partial.npy", {"H": 1})
    for path, message in [
        (cut, "damaged"), (plain, "plain array"), (text, "damaged"), (other, "no dictionary"),
        (partial, "bg_img"), (tmp_path / "none.npy", "cannot read"),
    ]:  # fmt: skip
        with pytest.raises(EmoGeneError, match=message) as caught:
            read_dataset(path)
        assert "\n" not in str(caught.value)


def test_wrong_shapes(tmp_path):
    wrong = content(np.random.default_rng(4)) | {"trans": np.zeros((3, 3))}
    with pytest.raises(EmoGeneError, match="trans"):
        read_dataset(write(tmp_path / "wrong.npy", wrong))
