import numpy as np
import pytest
import torch

from emogene.avatar import Avatar
from emogene.avatar.renderer import AvatarRenderer
from emogene.errors import EmoGeneError


@pytest.fixture(scope="module")
def avatar() -> Avatar:
    found = Avatar.open("grid-s1")
    assert isinstance(found, Avatar)
    return found


def states(avatar: Avatar, renderer: AvatarRenderer) -> list:
    """Two frames with an emotion's worth of displacement beyond what the field has seen: they are warped."""
    points = avatar.space.database[[10, 300]].astype(np.float32)
    beyond = 0.03 * np.random.default_rng(0).standard_normal((68, 3)).astype(np.float32)
    return list(renderer.states(points + beyond, avatar.pose[np.array([0, 40])], None))


def test_plain_pytorch_gives_the_kernels_pictures(avatar):
    kernels, plain = (
        AvatarRenderer(avatar, 96, None, 1, dtype=torch.float32, backend=backend)
        for backend in ("numba", "reference")
    )
    for state in states(avatar, kernels):
        ours, theirs = kernels.inner.layers(state), plain.inner.layers(state)
        for one, other in zip(ours[:4], theirs[:4], strict=True):
            assert (one - other).abs().max() < 1e-4
        pictures = (renderer.inner.frame(state).astype(int) for renderer in (kernels, plain))
        assert np.abs(np.subtract(*pictures)).max() <= 1


def test_everything_is_on_the_device(avatar, pretended_cuda):
    there = avatar.renderer(64, "white", device="cuda").inner
    assert there.device.type == there.caster.box.device.type == "cuda" and there.dtype == torch.float32
    assert avatar.portrait.head.aabb_infer.device.type == "cpu", "the avatar itself stays where it is"
    here = AvatarRenderer(avatar, 64, "white", 1, dtype=torch.float32)
    for state in states(avatar, here):
        assert np.abs(here.inner.frame(state).astype(int) - there.frame(state)).max() <= 1


def test_where_to_render_is_checked(avatar):
    with pytest.raises(EmoGeneError, match="unknown device"):
        avatar.renderer(64, device="tpu")
