"""Networks and their files."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from emogene.audio.encoder import FORMAT as ENCODER
from emogene.audio2motion.lips import FORMAT as LIPS
from emogene.emotalk.network import FORMAT as EMOTION
from emogene.errors import EmoGeneError
from emogene.weights.embedded import assets
from emogene.weights.file import Format, open_network, save_network


@dataclass(frozen=True)
class LayerConfig:
    width: int = 80
    dilations: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class SmallConfig:
    layer: LayerConfig = field(default_factory=LayerConfig)
    scale: float = 0.5


class SmallNet(nn.Module):
    def __init__(self, config: SmallConfig) -> None:
        super().__init__()
        self.config = config
        width, (first, _) = config.layer.width, config.layer.dilations
        self.large = nn.Conv1d(width, width, 3, dilation=first)
        self.norm = nn.BatchNorm1d(width)


SMALL = Format("emogene-small", 3, "a small network", SmallConfig, SmallNet)


@pytest.fixture
def net() -> SmallNet:
    net = SmallNet(SmallConfig(LayerConfig(dilations=(2, 3)), 0.25))
    generator = torch.Generator().manual_seed(0)
    for value in net.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.randn(value.shape, generator=generator))
    return net


@pytest.mark.parametrize(
    ("storage", "kind", "error"),
    [("float32", torch.float32, 0), ("float16", torch.float16, 1e-3), ("int8", torch.int8, 1 / 250)],
)
def test_what_is_saved_is_opened(tmp_path, net, storage, kind, error):
    path = tmp_path / "net.safetensors"
    save_network(net, path, SMALL, {"licence": "CC0"}, storage)
    again, notes = open_network(path, SMALL)
    assert again.config == net.config and notes == {"licence": "CC0"} and not again.training
    stored = load_file(path)
    assert stored["large.weight"].dtype == kind and stored["norm.weight"].dtype == torch.float32
    for name, value in net.state_dict().items():
        found = again.state_dict()[name]
        assert found.dtype == value.dtype
        if value.is_floating_point():
            largest = value.flatten(1).abs().amax(1) if value.ndim > 1 else value.abs()
            assert bool(((found - value).abs().reshape(len(value), -1).amax(1) <= error * largest).all())


def test_a_silent_row_survives_eight_bits(tmp_path, net):
    with torch.no_grad():
        net.large.weight[3] = 0
    save_network(net, tmp_path / "net.safetensors", SMALL, {}, "int8")
    again, _ = open_network(tmp_path / "net.safetensors", SMALL)
    assert not again.large.weight[3].any() and again.large.weight.isfinite().all()


@pytest.mark.parametrize(
    ("name", "format"),
    [("speech_encoder", ENCODER), ("emotalk", EMOTION), ("audio2motion", LIPS)],
)
def test_the_embedded_files_are_read(name, format):
    net, notes = open_network(assets() / f"{name}.safetensors", format)
    assert notes["licence"].startswith("CC BY")
    assert all(value.isfinite().all() for value in net.state_dict().values())


def test_opening_draws_no_random_numbers(tmp_path, net):
    save_network(net, tmp_path / "net.safetensors", SMALL, {})
    state = torch.get_rng_state()
    open_network(tmp_path / "net.safetensors", SMALL)
    assert torch.equal(torch.get_rng_state(), state)


def test_opening_needs_no_compiler():
    """PyTorch's own takes a second to import, and does so for the numbers of tensors without data."""
    script = (
        "import sys; from emogene.audio2motion import Audio2Motion; Audio2Motion.from_embedded(); "
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20_000])


def without(name: str) -> Callable[[Path], None]:
    def harm(path: Path) -> None:
        with safe_open(path, "pt") as file:
            strings = file.metadata()
        save_file({n: v for n, v in load_file(path).items() if n != name}, path, strings)

    return harm


def saying(**strings: str) -> Callable[[Path], None]:
    def harm(path: Path) -> None:
        with safe_open(path, "pt") as file:
            strings_now = file.metadata()
        save_file(load_file(path), path, strings_now | strings)

    return harm


@pytest.mark.parametrize(
    ("harm", "because"),
    [
        (Path.unlink, "no such file"),
        (lambda path: path.write_bytes(b""), "not a small network, or damaged"),
        (lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n"), "or damaged"),
        (cut, "or damaged"),
        (lambda path: save_file({"x": torch.zeros(3)}, path), "it lacks 'emogene'"),
        (
            saying(format="emogene-small-2"),
            "not a small network of this version (its format is emogene-small-2,",
        ),
        (saying(config="{"), "or damaged"),
        (saying(config="[]"), "or damaged"),
        (saying(config='{"layer": {"width": "wide"}}'), "or damaged"),
        (saying(config='{"colour": 1}'), "it lacks 'colour'"),
        (saying(config='{"layer": {"width": 64}}'), "size mismatch"),
        (without("norm.bias"), "missing weights: norm.bias"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path, net, harm, because):
    path = tmp_path / "net.safetensors"
    save_network(net, path, SMALL, {})
    harm(path)
    with pytest.raises(EmoGeneError) as error:
        open_network(path, SMALL)
    assert because in str(error.value) and str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_is_one_line(tmp_path):
    with pytest.raises(EmoGeneError, match="cannot be read"):
        open_network(tmp_path, SMALL)


def test_too_little_memory_is_not_called_damage(tmp_path, net):
    """PyTorch's allocator says so by RuntimeError."""

    def huge(config: SmallConfig) -> SmallNet:
        torch.empty(2**45, device="cpu")
        return SmallNet(config)

    save_network(net, tmp_path / "net.safetensors", SMALL, {})
    with pytest.raises(MemoryError):
        open_network(tmp_path / "net.safetensors", replace(SMALL, network=huge))
