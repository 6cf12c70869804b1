import numpy as np
import pytest

from emogene.avatar.capture.matte import Matte, choked, screen_key, screen_matte, screen_surface
from emogene.avatar.capture.video import smooth_chroma
from emogene.errors import EmoGeneError

SCREEN = np.array([0.15, 0.65, 0.8], np.float32)
SKIN = np.array([0.8, 0.6, 0.5], np.float32)


@pytest.fixture
def disc():
    """A skin-coloured disc with a soft edge before a screen darker at the bottom: frame, alpha, screen."""
    y, x = np.mgrid[:96, :96]
    distance = np.hypot(x - 48, y - 48)
    alpha = np.clip((30.5 - distance) / 2, 0, 1)[..., None].astype(np.float32)
    screen = SCREEN * (1 - 0.3 * y[..., None] / 96).astype(np.float32)
    return alpha * SKIN + (1 - alpha) * screen, alpha[..., 0], screen


def test_matte_finds_the_disc(disc):
    frame, alpha, _ = disc
    matte = screen_matte(frame)
    assert np.abs(matte.alpha - alpha).mean() < 0.02
    assert matte.alpha[48, 48] == 1
    assert matte.alpha[2, 2] == 0


def test_the_rim_keeps_no_screen_light(disc):
    frame, alpha, _ = disc
    rim = (alpha > 0.1) & (alpha < 0.9)
    assert screen_key(screen_matte(frame).colour)[rim].max() < 0.05
    assert screen_key(frame)[rim].max() > 0.2


def test_a_choked_matte_is_smaller_and_its_rim_comes_from_inside(disc):
    _, alpha, _ = disc
    rim = alpha < 0.97
    colour = np.where(rim[..., None], SCREEN, SKIN).astype(np.float32)
    matte = choked(Matte(colour, alpha))
    assert (matte.alpha <= alpha + 0.02).all()
    lost = alpha.sum() - matte.alpha.sum()
    assert lost == pytest.approx(2 * np.pi * 30, rel=0.25)  # a pixel all around
    shown = matte.alpha > 0.05
    assert np.abs(matte.colour - SKIN)[shown].max() < 0.02
    assert matte.alpha[48, 48] == pytest.approx(1)


def test_surface_continues_behind_the_person(disc):
    frame, alpha, screen = disc
    surface = screen_surface(frame, alpha == 0)
    assert np.abs(surface - screen).max() < 0.02


def test_no_screen_is_the_users_error():
    with pytest.raises(EmoGeneError, match="blue screen"):
        screen_matte(np.full((64, 64, 3), 0.5, np.float32))


def test_chroma_blocks_are_smoothed_and_luma_is_kept():
    random = np.random.default_rng(0)
    blocks = np.kron(random.normal(0, 0.03, (6, 6, 1)), np.ones((16, 16, 1)))
    luma = np.tile(np.where(np.arange(96) < 48, 0.3, 0.6)[None, :, None], (96, 1, 1))
    frame = (luma + blocks * [1, 0, 0] - blocks * [0, 0.299 / 0.587, 0]).astype(np.float32)
    smooth = smooth_chroma(frame, np.ones((96, 96), bool))
    weights = np.array([0.299, 0.587, 0.114])
    assert np.abs((smooth - frame) @ weights).max() < 1e-3
    excess = (smooth - luma)[8:-8, 8:-8]
    assert excess.std() < 0.8 * (frame - luma)[8:-8, 8:-8].std()
