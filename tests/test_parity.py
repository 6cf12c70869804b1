import numpy as np
import pytest

from emogene import parity
from emogene.weights.named import legacy_key, named_tensor


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
