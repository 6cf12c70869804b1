import numpy as np
import pytest
import torch

from emogene.packed import pack
from emogene.reference.wav2vec2 import CHUNK, Wav2Vec2, Wav2Vec2Config, normalise

SMALL = Wav2Vec2Config(
    16, hidden=32, layers=2, heads=2, feed_forward=48, position_kernel=16, position_groups=4
)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Wav2Vec2(SMALL).eval().requires_grad_(False)


def sound(samples: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).normal(size=(1, samples)).astype(np.float32))


@pytest.mark.parametrize("kind", ["Wav2Vec2", "Hubert"])
def test_equals_transformers(network, kind):
    transformers = pytest.importorskip("transformers")
    config = getattr(transformers, f"{kind}Config")(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48, conv_dim=(16,) * 7,
        conv_bias=True, feat_extract_norm="layer", do_stable_layer_norm=True, num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
    )  # fmt: skip
    theirs = getattr(transformers, f"{kind}Model")(config).eval()
    names = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    state = theirs.state_dict()
    for new, old in names.items():
        state = {key.replace(new, old): value for key, value in state.items()}
    network.load_state_dict(state, strict=True)
    audio = sound(8000)
    with torch.inference_mode():
        np.testing.assert_allclose(network(audio), theirs(audio).last_hidden_state, atol=1e-5)


def test_chunks_do_not_show(network):
    audio = sound(320 * (2 * CHUNK + 7) + 80)
    features = network.features(audio)
    assert features.shape == (1, 2 * CHUNK + 7, 16)
    for first in (0, CHUNK - 1, CHUNK, 2 * CHUNK + 6):
        alone = network.features(audio[:, first * 320 : first * 320 + 400])
        np.testing.assert_allclose(alone[0, 0], features[0, first], atol=1e-5)


def test_packed_is_the_same(network):
    audio = sound(6000)
    before = network(audio)
    np.testing.assert_allclose(pack(network)(audio), before, atol=1e-5)


def test_bfloat16_is_near(network):
    audio = sound(6000)
    before = network(audio)
    np.testing.assert_allclose(pack(network, torch.bfloat16)(audio), before, atol=0.1)


def test_normalise():
    normal = normalise(3 + 2 * sound(4000))
    assert abs(float(normal.mean())) < 1e-4 and abs(float(normal.var(correction=0)) - 1) < 1e-3
