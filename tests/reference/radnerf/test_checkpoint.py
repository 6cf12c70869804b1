import json
import re

import pytest
import torch

from emogene.errors import EmoGeneError
from emogene.reference.named import fill_by_name
from emogene.reference.radnerf import checkpoint as radnerf
from emogene.reference.radnerf.compositing import composite
from emogene.reference.radnerf.field import HeadConfig, HeadField
from emogene.reference.radnerf.grid_config import GridConfig
from emogene.reference.radnerf.marching import march, near_far
from emogene.reference.radnerf.rays import official_rays
from emogene.reference.radnerf.renderer import FrameState, Portrait, Renderer
from emogene.reference.radnerf.superres import SuperResolution, SuperResolutionConfig
from emogene.reference.radnerf.torso import TorsoConfig, TorsoField

from .conftest import FIXTURES

GRID = "position_embedder.embeddings"
LISTINGS = ["May", "sr_May", "sr_Ber", "torso_May", "torso_sr_May", "torso_sr_Ber"]


@pytest.fixture(scope="module")
def shapes() -> dict[str, dict[str, list]]:
    """Key -> [shape, dtype] of every official checkpoint, keys listed once."""
    return json.loads((FIXTURES / "radnerf_keys.json").read_text())


@pytest.mark.parametrize("name", LISTINGS)
def test_our_listing_equals_the_official_one(shapes, name):
    listing = {key: tuple(shape) for key, (shape, _) in shapes[name].items()}
    state = radnerf.official_state(radnerf.build(listing))
    assert {key: tuple(value.shape) for key, value in state.items()} == listing
    assert {k: str(v.dtype).removeprefix("torch.") for k, v in state.items()} == {
        key: dtype for key, (_, dtype) in shapes[name].items()
    }


def portrait() -> Portrait:
    """Head, torso and SR as official, with small tables."""
    torch.manual_seed(0)
    grid = GridConfig(log2_rows=9)
    head = HeadConfig(
        window=3, blink_width=4, individuals=3, grid_size=16, position_grid=grid, ambient_grid=grid
    )
    torso = TorsoConfig(
        "landmarks", head_aware=True, individuals=3, grid=GridConfig(2, log2_rows=9), grid_size=8
    )
    return Portrait(HeadField(head), TorsoField(torso), SuperResolution(SuperResolutionConfig()))


@pytest.mark.parametrize("nested", [True, False])
def test_a_trainers_checkpoint_goes_round(tmp_path, nested):
    state = radnerf.official_state(portrait())
    whole = {"state_dict": {"model": state} if nested else {f"model.{k}": v for k, v in state.items()}}
    torch.save(whole, tmp_path / "model_ckpt_steps_250000.ckpt")
    torch.save({}, tmp_path / "model_ckpt_steps_1000.ckpt")
    loaded = radnerf.official_state(radnerf.load(tmp_path))
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[key], value) for key, value in state.items())


def test_a_head_of_other_blink_width_is_read_by_its_own_keys(tmp_path, small_head):
    torch.save({"state_dict": {"model": small_head("headblink").state_dict()}}, tmp_path / "a.ckpt")
    options = radnerf.Options(finest_resolution=128, smoothstep=True)
    assert radnerf.load(tmp_path / "a.ckpt", options).head.config.blink_width == 3


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda s: s.pop("sigma_net.net.1.weight"), "not"),
        (lambda s: s.pop("color_net.net.1.weight"), "not"),
        (lambda s: s.update(other=torch.zeros(1)), "unknown"),
        (lambda s: s.clear(), "no model weights"),
        (lambda s: s.update({GRID: s[GRID].repeat(1, 2)}), "no grid"),
        (lambda s: s.update({"torso_deform_net.net.2.weight": torch.zeros(3, 64)}), "of another shape"),
    ],
)
def test_another_models_file_is_one_clear_line(tmp_path, spoil, complaint):
    state = radnerf.official_state(portrait())
    spoil(state)
    path = tmp_path / "model.ckpt"
    torch.save({"state_dict": {"model": state}}, path)
    with pytest.raises(EmoGeneError, match=re.escape(str(path))) as caught:
        radnerf.load(path)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truncated_file_is_one_clear_line(tmp_path):
    path = tmp_path / "model.ckpt"
    torch.save({"state_dict": {"model": radnerf.official_state(portrait())}}, path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(EmoGeneError):
        radnerf.load(path)


@torch.no_grad()
@pytest.mark.parametrize("distance", [0.6, 2.0])
def test_layers_of_a_frame_equal_the_plain_sum(distance):
    """Seen from afar, the depth of transparent rays is clamped to 0: the official sum is not divided by their
    opacity."""
    made = portrait()
    fill_by_name(made.head)
    made.head.density_bitfield.fill_(255)
    pose = torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0]))
    pose[2, 3] = distance
    rays, head = official_rays(pose, 16), made.head
    generator = torch.Generator().manual_seed(0)
    condition = head.condition(torch.randn(3, 1, 204, generator=generator), torch.tensor([0.4]))
    layers = Renderer(made, 16, torch.zeros(3), torch.float32).layers(FrameState(rays, condition))
    near, far = near_far(*rays, head.aabb_infer)
    samples = march(*rays, near, far, head.occupancy, head.config.rule, head.config.max_steps)
    value = head(samples.position, samples.ray, rays.direction, condition, head.individual(0))
    plain = composite(value.sigma, value.colour, samples, 0.01)
    depth = ((plain.depth - near).clamp_min(0) / (far - near)).nan_to_num(0)
    torch.testing.assert_close(layers.head, plain.weights, atol=1e-5, rtol=0)
    torch.testing.assert_close(layers.image, plain.image, atol=1e-5, rtol=0)
    torch.testing.assert_close(layers.depth, depth, atol=1e-5, rtol=0)
    assert (depth > 0).all() or distance > 1
