import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from emogene.reference.radnerf.frozen import FrozenHead
from emogene.reference.radnerf.grid_config import GridConfig
from emogene.reference.radnerf.renderer import FrameState, Portrait, Renderer
from emogene.reference.radnerf.superres import SuperResolution, SuperResolutionConfig
from emogene.reference.radnerf.torso import TorsoConfig, TorsoField

variants = pytest.mark.parametrize("variant", ["head", "headblink"])
precisions = pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-4), (torch.bfloat16, 2e-3)])


def state(recorded, rays, head, variant: str = "head", shift: float = 0.0) -> FrameState:
    condition = head.condition(recorded[f"{variant}_cond"] + shift, recorded[f"{variant}_eye"])
    return FrameState(rays, condition)


@variants
@precisions
@pytest.mark.parametrize("backend", ["numba", "reference"])
def test_render_is_the_official_one(recorded, small_head, official_view, variant, dtype, tolerance, backend):
    head = small_head(variant)
    renderer = Renderer(Portrait(head), 48, recorded[f"{variant}_bg"], dtype, backend=backend)
    layers = renderer.layers(state(recorded, official_view, head, variant))
    assert (layers.image - recorded[f"{variant}_render_rgb"]).abs().max() < tolerance
    assert 0.2 < layers.head.mean() < 0.8


@variants
def test_folded_head_equals_the_field(recorded, small_head, variant):
    head = small_head(variant)
    condition = head.condition(recorded[f"{variant}_cond"], recorded[f"{variant}_eye"])
    position, direction = recorded[f"{variant}_pos"], recorded[f"{variant}_dir"]
    value = head(position, torch.arange(len(position)), direction, condition, head.individual())
    frozen = FrozenHead(head)
    sigma, colour = frozen(position, frozen.view_codes(direction), frozen.frame(condition))
    assert (sigma - value.sigma).abs().max() < 1e-4
    assert (colour - value.colour).abs().max() < 1e-5


def test_threads_change_nothing(recorded, small_head, official_view):
    head = small_head("head")
    renderer = Renderer(Portrait(head), 48, torch.zeros(3))
    states = [state(recorded, official_view, head, shift=0.1 * t) for t in range(4)]
    alone, together = (list(renderer.frames(iter(states), threads)) for threads in (1, 2))
    assert [frame.shape for frame in alone] == [(48, 48, 3)] * 4
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def in_a_new_thread(function):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


@pytest.mark.parametrize("threads", [1, 2])
def test_torchs_threads_are_what_they_were(recorded, small_head, official_view, threads):
    """For the caller and for new threads, while a renderer works and afterwards; its own have one each."""
    head, seen = small_head("head"), []
    renderer = Renderer(Portrait(head), 48, torch.zeros(3))

    def states():
        for _ in range(4):
            seen.append((threading.get_ident(), torch.get_num_threads()))
            yield state(recorded, official_view, head)

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        for _ in renderer.frames(states(), threads):
            assert torch.get_num_threads() == 3 == in_a_new_thread(torch.get_num_threads)
        assert torch.get_num_threads() == 3 == in_a_new_thread(torch.get_num_threads)
    finally:
        torch.set_num_threads(before)
    assert {number for _, number in seen} == {1}
    assert len({thread for thread, _ in seen}) <= threads
    assert threading.get_ident() not in {thread for thread, _ in seen}


@pytest.mark.parametrize("threads", [1, 2])
def test_no_more_frames_at_once_than_threads(recorded, small_head, official_view, threads, monkeypatch):
    """And none is begun while the caller looks at one, if there is one thread."""
    head = small_head("head")
    renderer = Renderer(Portrait(head), 48, torch.zeros(3))
    states = [state(recorded, official_view, head)] * 5
    begun: list[int] = []
    frame = renderer.frame
    monkeypatch.setattr(renderer, "frame", lambda seen: begun.append(1) or frame(seen))
    for number, _ in enumerate(renderer.frames(states, threads)):
        time.sleep(0.05)  # another would begin now
        assert len(begun) <= number + threads


def test_colours_are_rounded(recorded, small_head, official_view):
    """Not cut off: a background halfway between two levels and a little is the upper one."""
    head = small_head("head")
    head.density_bitfield.zero_()
    shade = torch.tensor([100.49, 100.51, 254.6]) / 255
    frame = Renderer(Portrait(head), 48, shade).frame(state(recorded, official_view, head))
    assert (frame == [100, 101, 255]).all()


def test_frames_are_rendered_as_they_are_asked_for(recorded, small_head, official_view):
    head = small_head("head")
    renderer = Renderer(Portrait(head), 48, torch.zeros(3))
    asked: list[int] = []

    def endless():
        while True:
            asked.append(len(asked))
            yield state(recorded, official_view, head)

    frames = renderer.frames(endless(), threads=2)
    next(frames)
    assert len(asked) <= 4
    frames.close()


def test_torso_lies_behind_the_head_and_before_the_background(recorded, small_head, official_view):
    torch.manual_seed(0)
    head = small_head("head")
    torso = TorsoField(TorsoConfig(individuals=1, grid=GridConfig(dimensions=2, log2_rows=9)))
    torso.density_grid_torso.fill_(1)
    seen = state(recorded, official_view, head)
    seen = FrameState(seen.rays, seen.condition, torch.zeros(1, 6))
    black, white = (
        Renderer(Portrait(head, torso), 48, torch.full((3,), shade)).layers(seen) for shade in (0.0, 1.0)
    )
    through = (1 - white.head) * (1 - white.torso)
    assert torch.allclose((white.image - black.image).mean(-1), through, atol=1e-4)


def test_superresolution_doubles_the_picture(recorded, small_head, official_view):
    head = small_head("head")
    superres = SuperResolution(SuperResolutionConfig(size=48, channels=(8, 4)))
    renderer = Renderer(Portrait(head, superres=superres), 48, torch.ones(3))
    frame = renderer.frame(state(recorded, official_view, head))
    assert frame.shape == (96, 96, 3)
    assert frame.dtype == np.uint8


def test_superresolution_is_on_the_device(recorded, small_head, official_view, pretended_cuda):
    head = small_head("head")
    superres = SuperResolution(SuperResolutionConfig(size=48, channels=(8, 4)))
    seen = state(recorded, official_view, head)
    here, there = (
        Renderer(Portrait(head, superres=superres), 48, torch.ones(3), device=device).frame(seen)
        for device in ("cpu", "cuda")
    )
    assert np.abs(here.astype(int) - there).max() <= 1


@pytest.mark.parametrize("most", [1, 4, 64])
@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_rounds_end_where_the_official_ones_do(recorded, small_head, official_view, most, share):
    """Whatever the number of rays still alive."""
    head = small_head("head")
    head.config = replace(head.config, max_steps=most)
    full = torch.rand(head.density_bitfield.shape, generator=torch.Generator().manual_seed(0)) < share
    head.density_bitfield.copy_(torch.where(full, 255, head.density_bitfield))
    seen = state(recorded, official_view, head)
    kernels, plain = (
        Renderer(Portrait(head), 48, torch.zeros(3), backend=backend).layers(seen)
        for backend in ("numba", "reference")
    )
    for one, other in zip(kernels[:4], plain[:4], strict=True):
        assert (one - other).abs().max() < 1e-3
