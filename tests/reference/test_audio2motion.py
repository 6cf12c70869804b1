import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from emogene.audio2motion.vae import PitchContourVAE, VAEConfig, coarse_pitch
from emogene.errors import EmoGeneError
from emogene.reference.audio2motion import (
    OfficialAudio2Motion,
    hubert_features,
    load_hubert,
    load_vae,
    praat_pitch,
)
from emogene.reference.named import fill_by_name
from emogene.reference.wav2vec2 import Wav2Vec2, Wav2Vec2Config

RECORDED = np.load(Path(__file__).parents[1] / "fixtures" / "audio2motion.npz")
CONFIG = VAEConfig(
    features=48, channels=12, outputs=10, hidden=24, latent=6, encoder_layers=3, decoder_layers=2,
    flow_hidden=8, flow_layers=2,
)  # fmt: skip


def synthetic_voice(seconds: float, seed: int) -> np.ndarray:
    """The signal that the recordings were made with: voiced bursts and noise, float32, 16 kHz."""
    n = round(seconds * 16000)
    t = np.arange(n) / 16000
    rng = np.random.Generator(np.random.PCG64(1000 + seed))
    f0 = 180 + 60 * np.sin(2 * np.pi * 0.7 * t) + 20 * np.sin(2 * np.pi * 3.1 * t)
    phase = 2 * np.pi * np.cumsum(f0) / 16000
    voice = sum(np.sin(k * phase) / k for k in range(1, 12))
    envelope = np.clip(np.sin(2 * np.pi * 1.3 * t) + 0.3, 0, 1)
    return (0.15 * envelope * voice + 0.005 * rng.standard_normal(n)).astype(np.float32)


SMALL_HUBERT = Wav2Vec2Config(
    channels=24, hidden=48, layers=2, heads=4, feed_forward=64, position_kernel=16, position_groups=4
)


@pytest.fixture(scope="module")
def hubert() -> Wav2Vec2:
    model = Wav2Vec2(SMALL_HUBERT).eval()
    fill_by_name(model)
    return model


@pytest.mark.parametrize("name", ["short", "exact20", "tail", "long"])
def test_hubert_features_equal_the_official_code(name, hubert):
    get = lambda what: RECORDED[f"hubert_{name}_{what}"]  # noqa: E731
    features = hubert_features(synthetic_voice(float(get("seconds")), 11), hubert)
    assert len(features) == int(get("T"))
    np.testing.assert_allclose(features[-40:, ::3], get("out_tail"), atol=1e-4)
    if f"hubert_{name}_out_head" in RECORDED:
        np.testing.assert_allclose(features[:40, ::3], get("out_head"), atol=1e-4)


@pytest.mark.parametrize("name", ["a0", "a1", "a2"])
def test_pitch_equals_the_official_code(name):
    pytest.importorskip("parselmouth", reason="extra 'official' is not installed")
    get = lambda what: RECORDED[f"f0_{name}_{what}"]  # noqa: E731
    f0 = praat_pitch(synthetic_voice(float(get("seconds")), int(get("seed"))), len(get("f0")))
    np.testing.assert_allclose(f0, get("f0"), atol=1e-3)
    np.testing.assert_array_equal(coarse_pitch(torch.from_numpy(f0)), get("coarse"))


def small_vae() -> PitchContourVAE:
    torch.manual_seed(0)
    return PitchContourVAE(CONFIG).eval()


def save(path: Path, content) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.parametrize("samples", [1, 800, 16000, 40000])
def test_whole_way(samples, hubert):
    pytest.importorskip("parselmouth", reason="extra 'official' is not installed")
    model = OfficialAudio2Motion(small_vae(), hubert)
    sound = synthetic_voice(3, 1)[:samples]
    motion = model(sound, seed=3)
    assert motion.shape == (max(4, (samples - 80) // 320 // 8 * 4), 10) and np.isfinite(motion).all()
    np.testing.assert_array_equal(motion, model(sound, seed=3))
    assert (motion != model(sound, seed=4)).any()


@pytest.mark.parametrize("container", ["nested", "flat"])
def test_containers_and_the_latest_of_a_folder(tmp_path, container):
    wanted, older = small_vae(), PitchContourVAE(CONFIG)
    for steps, vae in ((20_000, older), (400_000, wanted), (80_000, older)):
        state = vae.state_dict()
        inner = (
            {"model": dict(state)} if container == "nested" else {f"model.{k}": v for k, v in state.items()}
        )
        content = {
            "state_dict": inner,
            "global_step": steps,
            "best": np.float64(0.5),
            "optimizer_states": [{}],
        }
        save(tmp_path / f"model_ckpt_steps_{steps}.ckpt", content)
    vae = load_vae(tmp_path)
    assert vae.config == CONFIG
    for key, value in wanted.state_dict().items():
        torch.testing.assert_close(vae.state_dict()[key], value)


class Hostile:
    def __reduce__(self):
        return sys.exit, (3,)


def without(state, key):
    return {k: v for k, v in state.items() if k != key}


def test_bad_checkpoints_are_one_line(tmp_path):
    state = dict(small_vae().state_dict())
    good = save(tmp_path / "good.ckpt", {"state_dict": {"model": state}})
    truncated = tmp_path / "truncated.ckpt"
    truncated.write_bytes(good.read_bytes()[:5000])
    noise = tmp_path / "noise.ckpt"
    noise.write_bytes(b"not a checkpoint at all")
    models = {
        "hostile": ({**state, "x": Hostile()}, "could run code"),
        "other": ({"encoder.weight": torch.zeros(3)}, "not an audio-to-motion checkpoint"),
        "lacking": (without(state, "cond_proj.bias"), "1 missing"),
        "misshapen": (state | {"cond_proj.bias": torch.zeros(5)}, "1 of another shape"),
        "more": (state | {"x": torch.zeros(1)}, "1 unknown"),
    }
    cases = {
        tmp_path / "absent.ckpt": "no model_ckpt_steps_N.ckpt",
        tmp_path: "no model_ckpt_steps_N.ckpt",
        truncated: "damaged",
        noise: None,
        save(tmp_path / "empty.ckpt", {"state_dict": {}}): "no model weights",
        save(tmp_path / "list.ckpt", [1, 2]): "no model weights",
    }
    for name, (content, says) in models.items():
        cases[save(tmp_path / f"{name}.ckpt", {"state_dict": {"model": content}})] = says
    for path, says in cases.items():
        with pytest.raises(EmoGeneError, match=says) as error:
            load_vae(path)
        assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_hubert_from_a_folder_or_what_to_fetch(tmp_path, hubert):
    with pytest.raises(
        EmoGeneError, match=r"pytorch_model.bin of huggingface.co/facebook/hubert-large-ls960-ft"
    ):
        load_hubert(tmp_path)
    released = {f"hubert.{key}": value for key, value in hubert.state_dict().items()}
    path = save(tmp_path / "pytorch_model.bin", released | {"lm_head.weight": torch.zeros(32, 48)})
    sound = synthetic_voice(1, 0)
    loaded = load_hubert(tmp_path, SMALL_HUBERT)
    np.testing.assert_array_equal(hubert_features(sound, loaded), hubert_features(sound, hubert))
    with pytest.raises(EmoGeneError, match="of another shape"):
        load_hubert(tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(EmoGeneError, match="damaged"):
        load_hubert(tmp_path, SMALL_HUBERT)


def test_hubert_keys_are_the_official_ones():
    listing = json.loads((Path(__file__).parents[1] / "fixtures" / "hubert_keys.json").read_text())
    wanted = {
        key.replace("*", str(layer)): shape
        for key, shape in listing["keys"].items()
        for layer in range(listing["layers"] if "*" in key else 1)
    }
    with torch.device("meta"):
        state = Wav2Vec2().state_dict()
    assert {k: list(v.shape) for k, v in state.items()} == wanted
    assert len(wanted) == 422


def test_hubert_as_newer_libraries_save_it(tmp_path, hubert):
    new = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
    state = {}
    for key, value in hubert.state_dict().items():
        for old, name in new.items():
            key = key.replace(old, name)
        state[key] = value.contiguous()
    save_file(state, tmp_path / "model.safetensors")
    loaded = load_hubert(tmp_path, SMALL_HUBERT).state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in hubert.state_dict().items())
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(EmoGeneError, match="damaged"):
        load_hubert(tmp_path, SMALL_HUBERT)
