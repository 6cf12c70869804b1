"""The pipeline: the stages agree on time and space, and the same question has the same answer."""

import json
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from emogene import EmoGene, EmoGeneError
from emogene.audio import Sound, load_audio
from emogene.face.landmarks import BROWS, mouth_openness
from emogene.performance import Performance
from emogene.pipeline import BLOCK, FIRST, _pieces
from emogene.result import Result

DEMO = Path(__file__).parents[1] / "src/emogene/assets/demo.ogg"
FRAMES = 241  # 9.6235 s at 25 a second


@pytest.fixture(scope="module")
def pipeline() -> EmoGene:
    return EmoGene.from_pretrained("cpu")


@pytest.fixture(scope="module")
def result(pipeline) -> Result:
    return pipeline(DEMO, emotion="happy", size=64)


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return load_audio(DEMO).samples


def values(performance: Performance) -> dict[str, np.ndarray]:
    return {
        "landmarks": performance.landmarks.points,
        "lips": performance.lips.points,
        "emotion": performance.emotion.points,
        "blendshapes": performance.blendshapes.values,
        "gaze": performance.gaze.values,
        "rotation": performance.head.rotation,
        "translation": performance.head.translation,
        "loudness": performance.loudness.values,
    }


def test_every_track_covers_the_sound(result):
    performance = result.performance
    assert len(result) == FRAMES and performance.fps == 25
    for name, value in values(performance).items():
        assert len(value) == FRAMES and value.dtype == np.float32 and np.isfinite(value).all(), name
    assert performance.heard.values.shape == (FRAMES, 8) and performance.shown.values.shape == (FRAMES, 9)
    assert sum(performance.heard.mean().values()) == pytest.approx(1, abs=1e-4)


def test_the_mouth_follows_the_lips_and_the_brows_the_emotion(pipeline, result):
    mixed, lips = (mouth_openness(t.points) for t in (result.performance.landmarks, result.performance.lips))
    assert np.corrcoef(mixed, lips)[0, 1] > 0.9
    surprised = pipeline(DEMO, emotion="surprised", size=64).performance
    raised = (surprised.landmarks.points - surprised.lips.points)[:, BROWS, 1].mean()
    assert raised > 0.02


def test_intensity_scales_the_face(pipeline, result):
    half = pipeline(DEMO, emotion="happy", intensity=0.5, size=64).performance
    none = pipeline(DEMO, emotion="happy", intensity=0, size=64).performance
    smile = [p.emotion_shapes.column("mouthSmileLeft").mean() for p in (none, half, result.performance)]
    assert smile[0] < 1e-6 and 0.1 < smile[1] < 0.85 * smile[2]
    moved = [
        np.linalg.norm((p.landmarks.points - p.lips.points)[:, [48, 54]], axis=-1).mean()
        for p in (none, half, result.performance)
    ]
    assert moved[0] < 0.5 * moved[1] < moved[1] < moved[2]


def test_the_mixture_is_told_the_words(pipeline):
    """Without them the emotion's landmarks would count the words' motion as emotion."""
    neutral = pipeline(DEMO, emotion="neutral", size=64).performance
    still = np.linalg.norm(neutral.landmarks.points - neutral.lips.points, axis=-1)
    words = np.linalg.norm(neutral.emotion.points - neutral.emotion.points.mean(0), axis=-1)
    assert words[:, 48:68].max() > 0.05, "the words move the emotion branch's lips"
    assert still[:, [48, 54]].mean() < 0.02


def test_the_same_question_has_the_same_answer_and_another_seed_another(pipeline, result):
    again = pipeline(DEMO, emotion="happy", size=64).performance
    for name, value in values(again).items():
        np.testing.assert_array_equal(value, values(result.performance)[name], name)
    other = pipeline(DEMO, emotion="happy", size=64, seed=1).performance
    for track in ("landmarks", "lips", "emotion_shapes", "blink", "gaze"):
        one, two = (getattr(p, track).values for p in (result.performance, other))
        assert not np.array_equal(one, two), f"the seed does not reach {track}"
    assert not np.array_equal(other.head.rotation, result.performance.head.rotation)


def test_the_voice_moves_the_head(pipeline, samples):
    """The same seed, but silence: the head rests, and nods on nothing."""
    voiced, silent = (
        pipeline(sound, 16_000, size=64).performance for sound in (samples, np.zeros_like(samples))
    )
    speed = [np.linalg.norm(np.diff(p.head.translation, axis=0), axis=1).mean() for p in (voiced, silent)]
    assert speed[1] < 0.6 * speed[0]


@pytest.mark.parametrize("length", ["20 ms", "1 s", "all at once"])
def test_a_stream_an_array_and_a_file_are_one(pipeline, samples, length):
    """Three and a half seconds, as an array and as pieces that arrive."""
    heard = samples[: 16_000 * 7 // 2]
    step = {"20 ms": 320, "1 s": 16_000, "all at once": len(heard)}[length]
    whole = pipeline(heard, 16_000, size=64).performance
    live = pipeline.stream((heard[i : i + step] for i in range(0, len(heard), step)), 16_000, size=64)
    joined = Performance.join(list(live))
    for name, value in values(joined).items():
        np.testing.assert_allclose(value, values(whole)[name], atol=2e-5, err_msg=name)


def test_pieces_come_before_the_end_and_a_stream_can_be_saved(pipeline, samples, tmp_path):
    given: list[int] = []
    longer = np.tile(samples, 2)

    def microphone():
        for i in range(0, len(longer), 16_000):
            given.append(i)
            yield longer[i : i + 16_000]

    live = pipeline.stream(microphone(), 16_000, size=64)
    first = next(iter(live))
    assert len(first) and len(given) <= 10, "ten seconds are enough to begin"
    live.save(tmp_path / "live.mp4")
    with av.open(str(tmp_path / "live.mp4")) as container:
        assert container.streams.video[0].frames == -(-len(longer) * 25 // 16_000)
        assert container.streams.audio


def test_a_recording_begins_with_the_ten_seconds_that_the_first_frames_need(samples):
    """More would be waited for before the first frame."""
    longer = np.tile(samples, 5)
    pieces = [piece for piece, _ in _pieces(Sound.open(longer, 16_000)) if piece is not None]
    assert len(pieces[0]) == FIRST == 10 * 16_000
    assert max(map(len, pieces)) < BLOCK + 16_000
    np.testing.assert_array_equal(np.concatenate(pieces), longer)


@pytest.mark.parametrize("fps", [24, 30, 50, 60, Fraction(30000, 1001)])
def test_another_rate_shows_the_same_motion(pipeline, result, fps):
    performance = pipeline(DEMO, emotion="happy", size=64, fps=fps).performance
    usual = result.performance
    assert performance.fps == fps and len(performance) == -(-Fraction(46193, 4800) * fps // 1)
    for name in ("landmarks", "lips", "loudness", "blink"):
        other, own = (getattr(p, name).resample(Fraction(25), 230).values for p in (performance, usual))
        spread = own.std()
        assert np.sqrt(np.mean((other - own) ** 2)) < 0.25 * spread, name
    turn = [np.linalg.norm(np.diff(p.head.translation, axis=0), axis=1).sum() for p in (performance, usual)]
    assert turn[0] == pytest.approx(turn[1], rel=0.1), "the head keeps its speed"
    blinks = [(np.diff((p.blink.values[:, 0] > 0.3).astype(int)) == 1).sum() for p in (performance, usual)]
    assert blinks[0] == blinks[1]


def test_what_the_file_holds_is_what_the_video_shows(result, tmp_path):
    result.save_motion(tmp_path / "motion.npz")
    with np.load(tmp_path / "motion.npz", allow_pickle=False) as file:
        told = dict(file)
    performance = result.performance
    np.testing.assert_array_equal(told["mixed"], performance.landmarks.points)
    np.testing.assert_array_equal(told["blink"], performance.blink.values[:, 0])
    np.testing.assert_array_equal(told["head_rotation"], performance.head.rotation)
    assert told["blink"].max() > 0.9, "ten seconds without a blink"
    shut = told["blink"].argmax()
    assert (
        np.abs(told["mixed"][shut, [37, 38, 43, 44], 1] - told["mixed"][shut, [41, 40, 47, 46], 1]).max()
        < 0.02
    )
    about = json.loads(str(told["about"]))
    assert about["emotion"] == "happy" and about["seed"] == 0 and about["landmarks"]["unit"] == "decimetre"
    assert len(about["weights"]["audio2motion.safetensors"]) == 64 and "/" not in about["audio"]
    again = list(result.frames())[:3]
    np.testing.assert_array_equal(again[0], next(result.frames(iter([performance[0:1]]))))


def test_the_comparison_shows_the_lips_alone(result):
    """The second face is GeneFace++'s: no emotion in its landmarks or its blendshapes."""
    alone = result.performance.without_emotion()
    np.testing.assert_array_equal(alone.landmarks.points, result.performance.lips.points)
    assert not alone.emotion_shapes.values.any()
    np.testing.assert_array_equal(alone.blink.values, result.performance.blink.values)


def test_both_videos_come_of_one_rendering(pipeline, tmp_path):
    heard = load_audio(DEMO).samples[:32_000]
    short = pipeline(heard, 16_000, emotion="surprised", intensity=2, size=64)
    short.save(tmp_path / "a.mp4", compare=tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as container:
        panels = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(panels) == 50
    bar = panels[0].shape[0] - 64
    mixed, alone = (np.stack([p[bar:, i * 64 : (i + 1) * 64] for p in panels]).astype(int) for i in (0, 1))
    expected = np.stack(list(short.frames(iter([short.performance.without_emotion()])))).astype(int)
    assert np.abs(alone - expected).mean() < 6 < 1.2 * np.abs(mixed - expected).max()
    assert np.abs(alone - expected).mean() < 0.7 * np.abs(mixed - expected).mean()


def test_the_audio_networks_are_on_the_device(result, pretended_cuda):
    there = EmoGene.from_pretrained("cuda")(DEMO, emotion="happy", size=64).performance
    np.testing.assert_allclose(there.landmarks.points, result.performance.landmarks.points, atol=1e-3)
    np.testing.assert_allclose(there.blendshapes.values, result.performance.blendshapes.values, atol=1e-3)


def test_frames_stream(result):
    frames = result.frames()
    first, second = next(frames), next(frames)
    assert first.shape == second.shape == (64, 64, 3) and first.dtype == np.uint8
    assert first.std() > 10


def test_two_pipelines_in_one_process_and_no_setting_changes(pipeline, result):
    """Two threads at once give what one gives; PyTorch's threads are as before, for new threads too."""
    before, answers = torch.get_num_threads(), {}

    def ask(name: str, engine: EmoGene) -> None:
        answers[name] = engine(DEMO, emotion="happy", size=64)
        answers[f"{name} frame"] = next(answers[name].frames())

    workers = [
        threading.Thread(target=ask, args=item)
        for item in (("a", pipeline), ("b", EmoGene.from_pretrained()))
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for name in "ab":
        np.testing.assert_allclose(
            answers[name].performance.landmarks.points, result.performance.landmarks.points, atol=1e-5
        )
    np.testing.assert_array_equal(answers["a frame"], answers["b frame"])
    seen: list[int] = []
    probe = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    probe.start()
    probe.join()
    assert torch.get_num_threads() == before and seen == [before]


def test_the_callers_random_numbers_stay_his(pipeline, samples):
    torch.manual_seed(7)
    np.random.seed(7)
    pipeline(samples[:16_000], 16_000, size=64)
    torch_after, numpy_after = torch.rand(3), np.random.rand(3)
    torch.manual_seed(7)
    np.random.seed(7)
    assert torch.equal(torch_after, torch.rand(3)) and np.array_equal(numpy_after, np.random.rand(3))


def test_curves_of_voices_whose_emotion_is_not_named_are_fewer(result, tmp_path):
    from dataclasses import replace

    from emogene.export import motion_writer

    unnamed = replace(result.performance, heard=None, shown=None)
    for each, name in ((result.performance, "all.png"), (unnamed, "few.png")):
        with motion_writer(tmp_path / name, {"audio": "demo.ogg"}) as writer:
            for part in (each[:100], each[100:]):
                writer.add(part)
    heights = [Image.open(tmp_path / name).height for name in ("all.png", "few.png")]
    assert heights[0] > heights[1] > 100


def test_progress_counts_frames(pipeline, samples):
    seen = []
    pipeline(samples, 16_000, size=64, progress=lambda what, done, total: seen.append((what, done)))
    assert seen[-1] == ("motion", FRAMES) and [done for _, done in seen] == sorted(done for _, done in seen)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"mixture": "cocktail"}, "unknown mixture 'cocktail'"),
        ({"emotion": "hungry"}, "unknown emotion"),
        ({"intensity": 3}, "intensity"),
        ({"size": 63}, "size"),
        ({"fps": 0}, "fps"),
        ({"fps": "fast"}, "fps"),
        ({"seed": -1}, "seed"),
        ({"pose": "upside down"}, "head pose"),
        ({"avatar": "nobody"}, "no avatar"),
        ({"background": "no colour"}, "background"),
        ({"track": 9}, "track"),
    ],
)
def test_wrong_values_are_one_line_before_anything_is_heard(pipeline, wrong, why):
    with pytest.raises(EmoGeneError, match=why) as error:
        pipeline.stream(DEMO, **wrong)
    assert "\n" not in str(error.value)
