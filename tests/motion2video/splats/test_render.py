"""The kernels against their PyTorch twin, finite differences and themselves at another size."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from emogene.face.camera import Camera
from emogene.motion2video.splats import View, render
from emogene.motion2video.splats.layout import COLOUR, OPACITY, POSITION
from emogene.motion2video.splats.rasteriser import Rasteriser, check


def scene(count=150, seed=0, size=0.04):
    random = np.random.default_rng(seed)
    splats = np.zeros((13, count), np.float32)
    splats[POSITION] = random.uniform(-0.8, 0.8, (3, count))
    splats[3:9] = random.normal(0, size, (6, count))
    splats[OPACITY] = random.normal(0.5, 1, count)
    splats[COLOUR] = random.random((3, count))
    return splats


def view(width=75, height=50, focal=300.0):
    """Neither side a multiple of the tiles'; turned, so that every entry of the rotation matters."""
    rotation = Rotation.from_rotvec([0.1, 0.2, 0.05]).as_matrix()
    return View(Camera(focal, width, height), rotation, np.array([0.1, 0.05, -6]))


def test_the_kernel_draws_what_the_twin_draws():
    splats = torch.from_numpy(scene())
    shown, twin = (render(splats, view(), backend) for backend in ("numba", "torch"))
    assert shown.shape == (4, 50, 75)
    assert 0.05 < twin[3].mean() < 0.8  # the scene covers a part of the picture
    torch.testing.assert_close(shown, twin, atol=2e-4, rtol=0)


def test_gradients_are_those_of_the_twin():
    splats = torch.from_numpy(scene()).requires_grad_()
    probe = torch.randn(4, 50, 75, generator=torch.Generator().manual_seed(0))
    mine, twins = (
        torch.autograd.grad((render(splats, view(), backend) * probe).sum(), splats)[0]
        for backend in ("numba", "torch")
    )
    for row in range(13):
        # A position's effect on its own footprint is left out.
        tolerance = 0.05 if row < 3 else 1e-3
        error = (mine[row] - twins[row]).abs().max() / twins[row].abs().max()
        assert error < tolerance, (row, float(error))


def test_gradients_are_finite_differences():
    splats, seen = scene(30, seed=1, size=0.08), view()
    probe = np.random.default_rng(0).standard_normal((4, 50, 75)).astype(np.float32)
    rasteriser, gradient = Rasteriser(75, 50), np.zeros_like(splats)
    rasteriser.layers((splats, seen))
    rasteriser.backward(probe, splats, seen, gradient)
    for row, step in ((3, 1e-3), (7, 1e-3), (9, 1e-2), (11, 1e-2)):
        found = []
        for n in range(splats.shape[1]):
            values = []
            for sign in (1, -1):
                changed = splats.copy()
                changed[row, n] += sign * step
                values.append((rasteriser.layers((changed, seen)).astype(float) * probe).sum())
            found.append((values[0] - values[1]) / (2 * step))
        correlation = np.corrcoef(found, gradient[row])[0, 1]
        assert correlation > 0.999, (row, correlation)


def test_what_is_in_front_hides_what_is_behind():
    front, behind = (np.zeros((13, 1), np.float32) for _ in range(2))
    for splat, z, red in ((front, 0.5, 1.0), (behind, -0.5, 0.0)):
        splat[2], splat[3], splat[7], splat[9], splat[10], splat[12] = z, 0.3, 0.3, 30, red, 1 - red
    splats = torch.from_numpy(np.concatenate([behind, front], 1))
    seen = View(Camera(300, 64, 64), np.eye(3), np.array([0, 0, -6.0]))
    middle = render(splats, seen)[:, 32, 32]
    assert middle[0] > 0.95 and middle[2] < 0.05


def test_the_first_layer_is_in_front_whatever_its_depth():
    """The farther splat of a far red layer, before the nearer splat of a near blue one."""
    far, near = (np.zeros((13, 2), np.float32) for _ in range(2))
    for splats, z, red, aside in ((far, (-1.0, -2.0), 1, 0), (near, (2.0, 1.0), 0, 1)):
        splats[0, aside] = 3.0
        splats[2], splats[3], splats[7], splats[9], splats[10], splats[12] = z, 0.5, 0.5, 30, red, 1 - red
    seen = View(Camera(300, 64, 64), np.eye(3), np.array([0, 0, -6.0]))
    shown = Rasteriser(64, 64).layers((far, seen), (near, seen))[:, 32, 32]
    assert shown[0] > 0.95 and shown[2] < 0.05


def test_any_size_shows_the_same_object():
    splats = torch.from_numpy(scene(60, size=0.15))
    small = render(splats, view(64, 64, 400))
    large = render(splats, view(256, 256, 1600))
    reduced = torch.nn.functional.avg_pool2d(large[None], 4)[0]
    assert (small - reduced).abs().mean() < 0.004
    assert small[3].std() > 0.1


def test_a_picture_is_the_layers_over_its_background():
    splats, seen = scene(), view()
    background = np.random.default_rng(0).integers(0, 255, (50, 75, 3)).astype(np.uint8)
    rasteriser = Rasteriser(75, 50)
    picture = rasteriser.picture(background, (splats, seen))
    out = rasteriser.layers((splats, seen))
    wanted = out[:3].transpose(1, 2, 0) * 255 + out[3][..., None] * background
    assert np.abs(picture - wanted.clip(0, 255)).max() <= 0.51


def test_nothing_is_drawn_behind_the_camera_or_without_splats():
    splats = scene()
    splats[2] += 20
    out = Rasteriser(75, 50).layers((splats, view()))
    assert (out[3] == 1).all() and (out[:3] == 0).all()
    assert (Rasteriser(75, 50).layers((splats[:, :0], view()))[3] == 1).all()


def test_visibility_is_the_largest_weight_in_the_picture():
    splats = scene(40, size=0.1)
    rasteriser = Rasteriser(75, 50)
    rasteriser.layers((splats, view()))
    seen = rasteriser.visible()
    splats[COLOUR] = 0
    for n in (0, 7, 23):  # a splat alone in white shows its weight
        marked = splats.copy()
        marked[COLOUR, n] = 1
        assert rasteriser.layers((marked, view()))[0].max() == pytest.approx(seen[n], abs=5e-3)


def test_threads_give_the_same_pictures():
    scenes = [scene(seed=seed) for seed in range(8)]

    def draw(splats):
        return Rasteriser(75, 50).layers((splats, view()))

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(draw, scenes))
    for shown, splats in zip(together, scenes, strict=True):
        np.testing.assert_array_equal(shown, draw(splats))


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\[13, N\]"):
        check(np.zeros((12, 5), np.float32))


def test_importing_compiles_nothing():
    code = "import emogene.motion2video.portrait, sys; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
