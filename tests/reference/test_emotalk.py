import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene.errors import EmoGeneError
from emogene.reference import emotalk
from emogene.reference.emotalk import (
    EmoTalkConfig,
    OfficialEmoTalk,
    load_emotalk,
    normalise,
    official_frame_count,
    periodic_bias,
    ready,
    windows,
)
from emogene.reference.emotalk_post import BLINK_COLUMNS, postprocess
from emogene.reference.named import fill_by_name
from emogene.reference.wav2vec2 import Wav2Vec2Config

FIXTURES = Path(__file__).parents[1] / "fixtures"
RECORDED = np.load(FIXTURES / "emotalk.npz")
SHARED = Path(__file__).parents[3] / "shared/official/fixtures"
SMALL = EmoTalkConfig(
    Wav2Vec2Config(24, hidden=64, layers=2, heads=4, feed_forward=96, position_kernel=16, position_groups=4),
    content=32,
    emotion=16,
    level=8,
    person=8,
    feed_forward=64,
)
CASES = {"a": (2.0, 0, 1, 0), "b": (1.2345, 1, 0, 7), "c": (4.01, 2, 1, 23)}  # seconds, seed, level, person


def synthetic_speech(seconds: float, seed: int) -> np.ndarray:
    """Voiced bursts and silences, 16 kHz: the signal that the fixtures were recorded with."""
    time = np.arange(round(seconds * 16000)) / 16000
    f0 = 180 + 60 * np.sin(2 * np.pi * 0.7 * time) + 20 * np.sin(2 * np.pi * 3.1 * time)
    phase = 2 * np.pi * np.cumsum(f0) / 16000
    voice = sum(np.sin(k * phase) / k for k in range(1, 12))
    envelope = np.clip(np.sin(2 * np.pi * 1.3 * time) + 0.3, 0, 1)
    noise = np.random.Generator(np.random.PCG64(1000 + seed)).standard_normal(len(time))
    return (0.15 * envelope * voice + 0.005 * noise).astype(np.float32)


def small_network() -> OfficialEmoTalk:
    model = OfficialEmoTalk(SMALL).eval()
    fill_by_name(model)
    return model


@pytest.fixture(scope="module")
def small() -> OfficialEmoTalk:
    return small_network()


@pytest.fixture
def checkpoint(tmp_path, small):
    path = tmp_path / "EmoTalk.pth"
    torch.save(small.state_dict(), path)
    return path


@pytest.mark.parametrize("case", CASES)
def test_prediction_equals_the_official_code(small, case):
    seconds, seed, level, person = CASES[case]
    found = small.predict(synthetic_speech(seconds, seed), level, person)
    np.testing.assert_allclose(found, RECORDED[f"{case}_out"], atol=1e-5)


def test_packed_matrices_give_the_same_prediction():
    packed = ready(small_network())
    np.testing.assert_allclose(packed.predict(synthetic_speech(2.0, 0)), RECORDED["a_out"], atol=1e-5)
    rounded = ready(small_network(), dtype=torch.bfloat16)
    np.testing.assert_allclose(rounded.predict(synthetic_speech(2.0, 0)), RECORDED["a_out"], atol=0.1)


@torch.inference_mode()
def test_content_and_emotion_of_different_clips_as_in_official_training(small):
    content, emotion = (
        normalise(torch.from_numpy(synthetic_speech(s, i))[None]) for s, i in ((2.0, 0), (1.5, 4))
    )
    crossed, own = small(content, emotion, 58, 1, 3), small(content, content, 44, 1, 3)
    np.testing.assert_allclose(crossed[0], RECORDED["fwd_out11"], atol=1e-5)
    np.testing.assert_allclose(own[0], RECORDED["fwd_out12"], atol=1e-5)


@torch.inference_mode()
def test_emotion_classifier(small):
    audio = normalise(torch.from_numpy(synthetic_speech(2.0, 0))[None])
    logits = small.audio_encoder_emo.classifier(small.hear_emotion(audio, 60))
    np.testing.assert_allclose(logits[0], RECORDED["a_logits"], atol=1e-5)


def test_periodic_bias():
    time = torch.arange(70)
    bias = periodic_bias(time, time, 4, 30).clamp(min=-999)
    np.testing.assert_array_equal(bias, RECORDED["mask"].astype(np.float32))


@pytest.mark.skipif(not SHARED.exists(), reason="the recorded intermediates are not in this checkout")
@torch.inference_mode()
def test_every_recorded_intermediate(small):
    recorded = np.load(SHARED / "emotalk_small.npz")
    audio = normalise(torch.from_numpy(recorded["a_audio"])[None])
    np.testing.assert_allclose(audio, recorded["a_normalized_input"], atol=1e-5)
    features = small.audio_encoder_cont.features(audio)
    np.testing.assert_allclose(features.mT, recorded["a_cont_conv_features"], atol=1e-5)
    content, emotion = small.hear_content(audio, 60), small.hear_emotion(audio, 60)
    np.testing.assert_allclose(content, recorded["a_cont_hidden"], atol=1e-5)
    np.testing.assert_allclose(emotion, recorded["a_emo_hidden30"], atol=1e-5)
    np.testing.assert_allclose(small.audio_feature_map_emo(emotion), recorded["a_map_emo"], atol=1e-5)


@pytest.mark.parametrize(("samples", "frames"), [(132800, 250), (257600, 484), (265600, 499), (16000, 30)])
def test_frames_are_counted_as_the_official_code_rounds(samples, frames):
    assert official_frame_count(samples) == frames


def test_full_size_has_the_keys_and_shapes_of_the_release():
    listing = json.loads((FIXTURES / "emotalk_keys.json").read_text())
    wanted = {}
    for key, shape in listing["keys"].items():
        for layer in range(listing["layers"] if "*" in key else 1):
            wanted[key.replace("*", str(layer))] = shape
    with torch.device("meta"):
        found = OfficialEmoTalk().state_dict()
    assert {key: list(value.shape) for key, value in found.items()} == wanted
    assert len(found) == 882 and sum(value.numel() for value in found.values()) == 640_570_427


@settings(max_examples=50, deadline=None)
@given(frames=st.integers(1501, 40_000))
def test_windows_cover_every_frame_once(frames):
    total = np.zeros(frames)
    for first, last, trust in windows(frames):
        assert first % 30 == 0 and 300 < last - first <= 1500
        total[first:last] += trust
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_long_audio_has_no_seam(small, monkeypatch):
    monkeypatch.setattr(emotalk, "WINDOW", 300)
    monkeypatch.setattr(emotalk, "OVERLAP", 120)
    monkeypatch.setattr(emotalk, "EDGE", 30)
    speech = synthetic_speech(25.4321, 5)
    whole, pieces = small.predict(speech), small.predict(speech, longest=400)
    assert pieces.shape == whole.shape == (official_frame_count(len(speech)), 52)
    jumps, usual = np.abs(np.diff(pieces, axis=0)), np.abs(np.diff(whole, axis=0))
    assert jumps.max() < 1.1 * usual.max()
    for seam in range(180, 700, 180):
        assert jumps[seam : seam + 120].mean() < 1.1 * usual[seam : seam + 120].mean() + 0.01


def test_beyond_five_thousand_frames(small):
    speech = np.tile(synthetic_speech(21.0, 6), 8)
    motion = small.blendshapes(speech, seed=1)
    assert motion.values.shape == (official_frame_count(len(speech)), 52) and len(motion) > 5000
    assert np.isfinite(motion.values).all()


def test_post_processing_equals_the_demo():
    np.testing.assert_allclose(postprocess(RECORDED["post_in"], 0), RECORDED["post_seed0"], atol=1e-6)
    for seed in (1, 2):
        blinks = postprocess(RECORDED["post_in"], seed)[:, BLINK_COLUMNS]
        np.testing.assert_allclose(blinks, RECORDED[f"post_blinks{seed}"], atol=1e-6)


@pytest.mark.parametrize("frames", [1, 4, 5, 8])
def test_short_clips_pass_post_processing(frames):
    assert postprocess(np.ones((frames, 52)), 0).shape == (frames, 52)


@pytest.mark.parametrize("samples", [0, 399, 719])
def test_too_short_is_one_line(small, samples):
    with pytest.raises(EmoGeneError, match="at least"):
        small.predict(np.zeros(samples, np.float32))


def test_shortest_clip(small):
    assert small.predict(np.zeros(720, np.float32)).shape == (2, 52)


@pytest.mark.parametrize(("level", "person"), [(2, 0), (1, 24), (-1, 0)])
def test_unknown_level_or_person_is_one_line(small, level, person):
    with pytest.raises(EmoGeneError, match="EmoTalk knows"):
        small.predict(np.zeros(8000, np.float32), level, person)


def test_checkpoint_round_trip(checkpoint, small):
    loaded = load_emotalk(checkpoint, config=SMALL)
    np.testing.assert_allclose(loaded.predict(synthetic_speech(2.0, 0)), RECORDED["a_out"], atol=1e-5)
    again = OfficialEmoTalk(SMALL)
    again.load_state_dict(torch.load(checkpoint, weights_only=True), strict=True)
    assert all(
        torch.equal(a, b)
        for a, b in zip(again.state_dict().values(), small.state_dict().values(), strict=True)
    )


def test_unused_heads_may_be_absent_or_other_and_new_names_are_known(tmp_path, small):
    state = small.state_dict()
    state = {
        key.replace("conv.weight_g", "conv.parametrizations.weight.original0"): v for key, v in state.items()
    }
    state = {
        key.replace("conv.weight_v", "conv.parametrizations.weight.original1"): v for key, v in state.items()
    }
    del state["audio_encoder_cont.masked_spec_embed"]
    state["audio_encoder_emo.classifier.out_proj.weight"] = torch.zeros(5, 64)
    state["PPE.pe"] = torch.zeros(3)
    torch.save(state, tmp_path / "EmoTalk.pth")
    loaded = load_emotalk(tmp_path / "EmoTalk.pth", config=SMALL)
    np.testing.assert_allclose(loaded.predict(synthetic_speech(2.0, 0)), RECORDED["a_out"], atol=1e-5)


class Hostile:
    def __reduce__(self):
        return (print, ("executed",))


def damaged(path: Path, how: str) -> None:
    state = torch.load(path, weights_only=True)
    match how:
        case "missing file":
            path.unlink()
        case "truncated":
            path.write_bytes(path.read_bytes()[:10_000])
        case "text":
            path.write_text("<html>not found</html>")
        case "hostile":
            torch.save({"bs_map_r.weight": Hostile()}, path)
        case "another model":
            torch.save({"conv.weight": torch.zeros(3)}, path)
        case "no tensors":
            torch.save({"state_dict": {"epoch": 3}}, path)
        case "missing":
            torch.save({k: v for k, v in state.items() if "bs_map_r" not in k}, path)
        case "misshapen":
            torch.save(state | {"bs_map_r.bias": torch.zeros(51)}, path)


@pytest.mark.parametrize(
    ("how", "names"),
    [
        ("missing file", "EmoTalk.pth"),
        ("truncated", "EmoTalk.pth"),
        ("text", "EmoTalk.pth"),
        ("hostile", "EmoTalk.pth"),
        ("another model", "missing"),
        ("no tensors", "EmoTalk.pth"),
        ("missing", "2 missing: bs_map_r.weight, bs_map_r.bias"),
        ("misshapen", "bs_map_r.bias [51] for [52]"),
    ],
)
def test_wrong_checkpoints_are_one_line(checkpoint, capsys, how, names):
    damaged(checkpoint, how)
    with pytest.raises(EmoGeneError) as error:
        load_emotalk(checkpoint, config=SMALL)
    assert names in str(error.value) and "\n" not in str(error.value)
    assert "executed" not in capsys.readouterr().out


def test_sizes_are_read_from_the_file(checkpoint):
    heads = replace(SMALL, encoder=replace(SMALL.encoder, heads=SMALL.encoder.hidden // 64))
    with torch.device("meta"):
        assert EmoTalkConfig.of(OfficialEmoTalk(heads).state_dict()) == heads
        assert EmoTalkConfig.of(OfficialEmoTalk().state_dict()) == EmoTalkConfig()
    assert load_emotalk(checkpoint).config.width == SMALL.width
    for key in ("audio_feature_map_cont.weight", "obj_vector_level.weight"):
        state = torch.load(checkpoint, weights_only=True)
        torch.save(state | {key: state[key][1:]}, checkpoint)
        with pytest.raises(EmoGeneError, match="misshapen"):
            load_emotalk(checkpoint)
