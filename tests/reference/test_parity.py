import numpy as np
import pytest

from emogene import parity
from emogene.reference.named import legacy_key, named_tensor


@pytest.mark.parametrize("name", parity.MODELS)
def test_every_model_is_there(name):
    assert callable(parity.model(name))


def test_named_values_depend_on_name_and_shape_only():
    a, b = named_tensor("net.0.weight", (40, 30)), named_tensor("net.1.weight", (40, 30))
    assert np.array_equal(a, named_tensor("net.0.weight", (40, 30)))
    assert not np.array_equal(a, b)
    assert a.std() == pytest.approx(30**-0.5, rel=0.1)
    assert named_tensor("grid.embeddings", (99, 2)).std() == pytest.approx(0.5, rel=0.2)
    assert legacy_key("conv.parametrizations.weight.original0") == "conv.weight_g"


def test_superresolution_runs_from_file_to_file(tmp_path):
    source, target = tmp_path / "in.npz", tmp_path / "out.npz"
    image = np.random.default_rng(0).random((3, 256, 256), np.float32)
    results = []
    for noise in ("none", "const"):
        np.savez(source, rgb=image, noise=noise)
        assert parity.main(["sr", "--weights", "named", "--input", str(source), "--output", str(target)]) == 0
        results.append(np.load(target)["rgb_sr"])
    assert results[0].shape == (3, 512, 512)
    assert 0 < np.abs(results[0] - results[1]).max() < 1


def full_size(name: str) -> dict[str, np.ndarray]:
    """Inputs as docs/parity.md lists them: two seconds of sound, or one frame seen through a full box."""
    random = np.random.default_rng(0)
    if name == "emotalk":
        return {"audio": 0.1 * random.standard_normal(32_000), "level": np.array(0), "person": np.array(23)}
    if name == "audio2motion":
        return {
            "hubert": random.standard_normal((1, 96, 1024)),
            "f0": random.uniform(0, 300, (1, 96)),
            **{"mouth_amp": np.array(0.4), "temperature": np.array(0.2)},
            "z_noise": random.standard_normal((1, 16, 12)),
        }
    pose = np.diag([1.0, -1.0, -1.0, 1.0])
    pose[2, 3] = 3.2
    return {
        "cond": random.standard_normal((3, 1, 204)),
        **{"eye": np.array([0.4]), "lm68": random.random(136), "pose": pose[None], "bg": np.full(3, 0.5)},
        "density_bitfield": np.full(262_144, 255, np.uint8),
        "density_grid_torso": np.ones(16_384),
    }


PICTURES = {"rgb": (3, 256, 256), "rgb_sr": (3, 512, 512), "depth": (256, 256)}


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("audio2motion", {"exp": (1, 48, 64)}),
        pytest.param("emotalk", {"blendshapes": (60, 52)}, marks=pytest.mark.slow),
        pytest.param("head_sr", PICTURES, marks=pytest.mark.slow),
        pytest.param("torso_sr", PICTURES | {"alpha": (256, 256)}, marks=pytest.mark.slow),
    ],
)
def test_full_size_runs_from_file_to_file(tmp_path, name, shapes):
    source, target = tmp_path / "in.npz", tmp_path / "out.npz"
    np.savez(source, **full_size(name))
    assert parity.main([name, "--weights", "named", "--input", str(source), "--output", str(target)]) == 0
    with np.load(target) as result:
        assert {key: result[key].shape for key in result} == shapes
        assert all(np.isfinite(value).all() and value.dtype == np.float32 for value in result.values())


@pytest.mark.parametrize("content", [b"", b"not an archive", None])
def test_an_unreadable_input_is_one_line(tmp_path, capsys, content):
    source = tmp_path / "in.npz"
    if content is not None:
        source.write_bytes(content)
    assert parity.main(["sr", "--input", str(source), "--output", str(tmp_path / "out.npz")]) == 2
    assert str(source) in capsys.readouterr().err
    assert not (tmp_path / "out.npz").exists()


def test_a_missing_array_is_named(tmp_path, capsys):
    np.savez(tmp_path / "in.npz", other=np.zeros(3))
    assert parity.main(["sr", "--input", str(tmp_path / "in.npz"), "--output", str(tmp_path / "o.npz")]) == 2
    assert "rgb" in capsys.readouterr().err
