"""The network against numbers recorded from the official code (weights made from their names)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene.audio2motion.vae import PitchContourVAE, VAEConfig, coarse_pitch, freeze
from emogene.parity import model
from emogene.reference.named import fill_by_name

FIXTURES = Path(__file__).parents[1] / "fixtures"
RECORDED = np.load(FIXTURES / "audio2motion.npz")
SMALL = VAEConfig(
    features=20,
    channels=12,
    outputs=10,
    hidden=24,
    latent=6,
    encoder_layers=3,
    decoder_layers=2,
    flow_hidden=8,
    flow_layers=2,
)
VARIANTS = {
    "m": SMALL,
    "me": VAEConfig(**{**SMALL.__dict__, "eye_amp": True}),
}
FULL = {
    "pitchvae_mouth0_eye0": VAEConfig(mouth_amp=False),
    "pitchvae_mouth0_eye1": VAEConfig(mouth_amp=False, eye_amp=True),
    "pitchvae_mouth1_eye0": VAEConfig(),
    "pitchvae_mouth1_eye1": VAEConfig(eye_amp=True),
    "plainvae": VAEConfig(channels=64, pitch=False, mouth_amp=False),
}


def recorded(variant: str, name: str) -> torch.Tensor:
    return torch.from_numpy(RECORDED[f"a2m_{variant}_{name}"])


def small(variant: str) -> PitchContourVAE:
    vae = PitchContourVAE(VARIANTS[variant]).eval()
    fill_by_name(vae)
    return vae


def condition(vae: PitchContourVAE, variant: str) -> torch.Tensor:
    return vae.condition(
        recorded(variant, "hubert"),
        recorded(variant, "f0"),
        float(recorded(variant, "mouth_amp")),
        float(recorded(variant, "eye_amp")),
        recorded(variant, "blink")[..., 0],
    )


@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_sampling_equals_the_official_code(variant):
    vae = small(variant)
    normal = recorded(variant, "z_noise") * float(recorded(variant, "temperature"))
    motion = vae.sample(condition(vae, variant), normal)
    torch.testing.assert_close(motion, recorded(variant, "out"), atol=1e-5, rtol=0)


@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_training_graph_equals_the_official_code(variant):
    vae = small(variant)
    found = vae.reconstruct(
        condition(vae, variant),
        recorded(variant, "train_y"),
        recorded(variant, "train_eps"),
        recorded(variant, "train_ymask"),
    )
    pairs = {
        "recon": found.motion,
        "kl": found.kl,
        "mq": found.mean.mT,
        "logsq": found.log_std.mT,
        "zp": found.normal.mT,
    }
    for name, value in pairs.items():
        torch.testing.assert_close(value, recorded(variant, f"train_{name}"), atol=1e-5, rtol=0)


def listing(variant: str) -> dict[str, list[int]]:
    stored = json.loads((FIXTURES / "audio2motion_keys.json").read_text())
    full = stored["pitchvae_mouth1_eye1"]
    if variant == "pitchvae_mouth1_eye1":
        return full
    change = stored[variant]
    return {key: shape for key, shape in full.items() if key not in change["without"]} | change["other"]


@pytest.mark.parametrize("variant", FULL)
def test_keys_and_shapes_are_the_official_ones(variant):
    with torch.device("meta"):
        state = PitchContourVAE(FULL[variant]).state_dict()
    assert {key: list(value.shape) for key, value in state.items()} == listing(variant)
    assert VAEConfig.of(state) == FULL[variant]


@torch.no_grad()
def test_the_flow_can_be_undone():
    vae = small("m").vae
    latent, g = torch.randn(2, 6, 9), torch.randn(2, 12, 9)
    back = vae.prior_flow.backward_from(vae.prior_flow(latent, g), g)
    torch.testing.assert_close(back, latent, atol=1e-5, rtol=1e-5)


def test_coarse_pitch_equals_the_official_code():
    level = coarse_pitch(torch.from_numpy(RECORDED["f0_coarse_in"]))
    np.testing.assert_array_equal(level, RECORDED["f0_coarse_torch"])


@given(st.lists(st.floats(0, 5000), min_size=2, max_size=20))
@settings(max_examples=30, deadline=None)
def test_coarse_pitch_rises_from_1_to_255(hz):
    level = coarse_pitch(torch.tensor(sorted(hz)))
    assert (level.diff() >= 0).all() and level.min() >= 1 and level.max() <= 255


@torch.no_grad()
def test_a_batch_of_amplitudes():
    vae = small("m")
    features, f0 = torch.randn(2, 16, 20), torch.full((2, 16), 120.0)
    together = vae.condition(features, f0, torch.tensor([[0.2], [0.9]]))
    for i, amp in enumerate((0.2, 0.9)):
        alone = vae.condition(features[i : i + 1], f0[i : i + 1], amp)
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-6, rtol=0)


@torch.no_grad()
def test_freezing_changes_nothing():
    vae = small("m")
    keys, before = list(vae.state_dict()), vae.sample(condition(vae, "m"), recorded("m", "z_noise"))
    freeze(vae)
    assert list(vae.state_dict()) == keys
    torch.testing.assert_close(vae.sample(condition(vae, "m"), recorded("m", "z_noise")), before)


def test_full_size_by_name():
    rng = np.random.default_rng(0)
    inputs = {
        "hubert": rng.standard_normal((1, 32, 1024)).astype(np.float32),
        "f0": np.full((1, 32), 140, np.float32),
        "mouth_amp": np.float64(0.4),
        "temperature": np.float64(0.2),
        "z_noise": rng.standard_normal((1, 16, 4)).astype(np.float32),
    }
    exp = model("audio2motion")(inputs)["exp"]
    assert exp.shape == (1, 16, 64) and np.isfinite(exp).all()
    np.testing.assert_array_equal(exp, model("audio2motion")(inputs)["exp"])
