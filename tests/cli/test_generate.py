"""The command line as its users meet it: the contract, and one clear line for whatever goes wrong."""

import json
import subprocess
import sys
import wave
from collections.abc import Callable
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from emogene import __version__
from emogene.emotalk import HEARD, LABELS
from emogene.face.arkit import ARKIT_52
from emogene.video import VideoWriter
from emogene.weights.embedded import assets, sha256


def write_sound(path: Path, samples: np.ndarray, rate: int = 16_000, codec: str = "pcm_f32le") -> Path:
    """``samples [channels, n]`` float32 to a file of the container that its name says."""
    channels = samples.shape[0]
    layout = {1: "mono", 2: "stereo", 8: "7.1"}[channels]
    kind = {"pcm_f32le": "flt", "libmp3lame": "fltp"}[codec]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        data = samples if kind.endswith("p") else samples.T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data, np.float32), kind, layout)
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def hum(seconds: float, rate: int = 16_000, channels: int = 1) -> np.ndarray:
    """A sung vowel of a kind: 120 Hz and its harmonics, swelling four times a second."""
    t = np.arange(round(seconds * rate)) / rate
    tone = sum(np.sin(2 * np.pi * 120 * k * t) / k for k in range(1, 8)) * np.sin(4 * np.pi * t) ** 2
    return np.repeat(0.2 * np.asarray(tone, np.float32)[None], channels, 0)


# What works


def test_motion_alone(run, tmp_path, voice):
    status, out, err = run("generate", voice, "-o", tmp_path / "out.npz", "--quiet")
    assert (status, out, err) == (0, "", "")
    assert [path.name for path in tmp_path.iterdir()] == ["out.npz"]
    with np.load(tmp_path / "out.npz") as motion:
        emotions = {"emotion_probs", "emotion_names", "emotion_amounts", "emotion_amount_names"}
        tracks = {"about", "fps", "emotalk", "geneface", "mixed", "blendshapes", "blendshape_names"}
        assert set(motion) >= tracks | emotions
        assert motion["fps"] == 25
        assert all(motion[track].shape == (15, 68, 3) for track in ("emotalk", "geneface", "mixed"))
        assert motion["blendshapes"].shape == (15, 52)
        assert tuple(motion["blendshape_names"]) == ARKIT_52
        assert tuple(motion["emotion_names"]) == HEARD and tuple(motion["emotion_amount_names"]) == LABELS
        assert motion["emotion_probs"].dtype == motion["emotion_amounts"].dtype == np.float32
        assert motion["emotion_probs"].shape == (15, 8) and motion["emotion_amounts"].shape == (15, 9)
        np.testing.assert_allclose(motion["emotion_probs"].sum(1), 1, atol=1e-5)
        about = json.loads(str(motion["about"]))
    assert about["emogene"] == __version__ and about["seed"] == 0 and about["audio"] == voice.name
    models = {"speech_encoder", "emotalk", "audio2motion", "face", "grid-s1"}
    assert set(about["weights"]) == {f"{name}.safetensors" for name in models}
    assert about["weights"]["face.safetensors"] == sha256(assets() / "face.safetensors")


@pytest.mark.parametrize("emotion", ["auto", "contempt", "happy=0.6,surprised=0.4", "TIMELINE", "Joy"])
def test_every_way_to_ask_for_an_emotion(run, tmp_path, voice, emotion):
    if emotion == "TIMELINE":
        emotion = tmp_path / "scenes.tsv"
        emotion.write_text("start\tend\temotion\tintensity\n0\t0.3\thappy\t1.5\n0.3\t1\tcontempt\t\n")
    output = tmp_path / "out.npz"
    arguments = ("--emotion", emotion, "--intensity", "1.2", "--curves", tmp_path / "out.png", "--quiet")
    assert run("generate", voice, "-o", output, *arguments) == (0, "", "")
    with np.load(output) as motion:
        shown = dict(zip(motion["emotion_amount_names"], motion["emotion_amounts"].max(0), strict=True))
    if emotion == "happy=0.6,surprised=0.4":
        assert shown["happy"] == pytest.approx(0.72) and shown["surprised"] == pytest.approx(0.48)
    elif emotion == "contempt":
        assert shown["contempt"] == pytest.approx(1.2) and sum(shown.values()) == pytest.approx(1.2)
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.format == "PNG" and picture.width == 1600


def test_help_names_every_way_to_ask_for_an_emotion(run):
    text = " ".join(run("generate", "--help")[1].replace("│", " ").split())
    for word in ("auto", *LABELS, "happy=0.6,surprised=0.4", "FILE.tsv", "0 to 2"):
        assert word in text


def test_video_comparison_and_landmarks(run, tmp_path, voice):
    status, out, _ = run(
        *(
            "generate",
            voice,
            "-o",
            tmp_path / "talk.mp4",
            "--compare",
            "--landmarks",
            tmp_path / "motion.npz",
        ),
        *("--size", 64, "--background", "#204060", "--emotion", "happy", "--threads", 2),
    )
    assert status == 0
    names = ["motion.npz", "talk.mp4", "talk_compare.mp4"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert sorted(Path(line).name for line in out.split()) == names
    for name, width in (("talk.mp4", 64), ("talk_compare.mp4", 4 * 64)):
        with av.open(str(tmp_path / name)) as container:
            assert sum(1 for _ in container.decode(video=0)) == 15
            assert container.streams.video[0].width == width
            assert container.streams.audio


@pytest.mark.parametrize(("fps", "frames"), [("30", 18), ("24000/1001", 15), ("50", 30)])
def test_other_rates(run, tmp_path, voice, fps, frames):
    output = tmp_path / "out.mp4"
    assert run("generate", voice, "-o", output, "--size", 64, "--fps", fps, "--quiet") == (0, "", "")
    with av.open(str(output)) as container:
        assert sum(1 for _ in container.decode(video=0)) == frames
        assert container.streams.video[0].average_rate == Fraction(fps)


def test_what_was_odd_is_told_and_the_work_is_done(run, tmp_path):
    (tmp_path / "late.tsv").write_text("100\t200\thappy\n")
    sound = mp3_with_a_hole(tmp_path / "broken.mp3")
    status, _, err = run("generate", sound, "-o", tmp_path / "out.npz", "--emotion", tmp_path / "late.tsv")
    lines = [line for line in err.splitlines() if line.startswith("emogene: ")]
    assert status == 0 and (tmp_path / "out.npz").is_file()
    assert sum("broken.mp3" in line for line in lines) == 1
    assert sum("late.tsv: its cue starts after the end of the sound" in line for line in lines) == 1
    assert "heard " in lines[-1]


# Sounds that are odd but fine


@pytest.mark.parametrize(
    ("name", "samples", "rate", "frames"),
    [
        ("silence", np.zeros((1, 16_000)), 16_000, 25),
        ("50 ms", hum(0.05), 16_000, 2),
        ("one sample", np.full((1, 1), 0.1), 16_000, 1),
        ("8 channels", hum(0.4, 48_000, 8), 48_000, 10),
        ("192 kHz", hum(0.4, 192_000), 192_000, 10),
        ("beyond full scale", 20 * hum(0.4), 16_000, 10),
    ],
)
def test_odd_sounds_make_a_video(run, tmp_path, name, samples, rate, frames):
    sound = write_sound(tmp_path / f"{name}.wav", samples, rate)
    assert run("generate", sound, "-o", tmp_path / "out.mp4", "--size", 64, "--quiet") == (0, "", "")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == frames


# What the user can put right: exit status 2, one line, no file


def assert_refused(run: Callable, folder: Path, because: str, *arguments: object) -> None:
    before = sorted(folder.iterdir())
    status, out, err = run("generate", *arguments, "--quiet")
    assert (status, out) == (2, "")
    assert because in err and err.count("\n") == 1 and err.startswith("emogene: ")
    assert sorted(folder.iterdir()) == before


@pytest.fixture
def nothing_is_loaded(monkeypatch) -> None:
    """Models that refuse to be."""

    def loaded(**options: object) -> None:
        raise AssertionError("models are loaded before the options are checked")

    monkeypatch.setattr("emogene.pipeline.EmoGene.from_pretrained", loaded)


def test_pytorch_is_not_waited_for_to_tell_of_a_wrong_option(tmp_path, voice):
    script = "import sys\nfrom emogene.cli.run import run\n"
    script += "assert run(sys.argv[1:]) == 2 and 'torch' not in sys.modules"
    arguments = ["generate", voice, "-o", tmp_path / "out.mp4", "--background", "no-such-colour"]
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0 and "neither a colour" in done.stderr, done.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("-o", "talk.mp4"),
        ("-o", "./talk.mp4"),
        ("-o", "link.mp4"),
        ("-o", "out.mp4", "--background", "picture.png", "--curves", "picture.png"),
        ("-o", "out.mp4", "--landmarks", "avatar.npz", "--avatar", "avatar.npz"),
        ("-o", "scenes.npz", "--emotion", "scenes.npz"),
    ],
)
def test_no_input_is_overwritten(run, tmp_path, monkeypatch, voice, nothing_is_loaded, options):
    monkeypatch.chdir(tmp_path)
    names = ("talk.mp4", "picture.png", "avatar.npz", "scenes.npz")
    for name in names:
        (tmp_path / name).write_bytes(voice.read_bytes())
    (tmp_path / "link.mp4").symlink_to("talk.mp4")
    assert_refused(run, tmp_path, "is an input", "talk.mp4", *options)
    assert all((tmp_path / name).read_bytes() == voice.read_bytes() for name in names)


def test_no_output_is_written_twice(run, tmp_path, voice, nothing_is_loaded):
    (tmp_path / "out_compare.mp4").touch()
    (tmp_path / "out.mp4").symlink_to("out_compare.mp4")
    assert_refused(run, tmp_path, "written twice", voice, "-o", tmp_path / "out.mp4", "--compare")


def mp3_with_a_hole(path: Path) -> Path:
    content = bytearray(write_sound(path, hum(2.0, 44_100), 44_100, "libmp3lame").read_bytes())
    content[len(content) // 3 :] = b"\xff" * (len(content) - len(content) // 3)
    path.write_bytes(content)
    return path


def silent_film(path: Path) -> Path:
    with VideoWriter.open(path, 64, 64) as video:
        video.write(np.zeros((64, 64, 3), np.uint8))
    return path


def header_alone(path: Path) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", "not compressed"))
    return path


def text(path: Path) -> Path:
    path.write_text("This is not a sound.\n" * 100)
    return path


def nothing(path: Path) -> Path:
    path.write_bytes(b"")
    return path


@pytest.mark.parametrize(
    ("name", "make", "because"),
    [
        ("gone.wav", lambda path: path, "no such file"),
        ("folder", lambda path: path.mkdir() or path, "not a file"),
        ("notes.wav", text, "is not a sound file"),
        ("empty.wav", nothing, "is not a sound file"),
        ("film.mp4", silent_film, "has no sound"),
        ("no samples.wav", header_alone, "0 samples"),
        ("nan.wav", lambda path: write_sound(path, np.full((1, 16_000), np.nan)), "not finite"),
    ],
)
def test_unusable_sounds(run, tmp_path, name, make, because):
    sound = make(tmp_path / name)
    assert_refused(run, tmp_path, because, sound, "-o", tmp_path / "out.mp4")


@pytest.mark.parametrize(
    ("options", "because"),
    [
        (("--emotion", "hungry"), "unknown emotion 'hungry'"),
        (("--intensity", "99"), "intensity must be between"),
        (("--intensity", "nan"), "intensity must be between"),
        (("--avatar", "nobody"), "nobody"),
        (("--avatar", __file__), "not an avatar file, or damaged"),
        (("--background", "no-such-colour"), "neither a colour"),
        (("--size", "63"), "size must be"),
        (("--size", "0"), "size must be"),
        (("--threads", "0"), "threads must be"),
        (("--threads", "100000"), "threads must be 1 to 1024, not 100000"),
        (("--fps", "0"), "fps must be a number from 1 to 240"),
        (("--fps", "fast"), "fps must be"),
        (("--mixture", "reference:5"), "unknown mixture 'reference:5'"),
        (("--pose", "up"), "head pose 'up' is not"),
        (("--pose", "9-3"), "head pose '9-3' is not"),
        (("--track", "0"), "track must be 1"),
        (("--track", "7"), "no sound track 7"),
        (("--landmarks", "motion.wav"), "the landmarks are an .npz"),
        (("--emotalk-level", "1"), "go with --emotalk"),
        (("--seed", "-1"), "seed must be"),
        (("--seed", str(2**63)), "seed must be"),
        (("--landmarks", "/none/motion.npz"), "does not exist"),
        (("--curves", "curves.gif"), "the curves are a .png"),
        (("--emotion", "none.tsv"), "cannot read the emotion timeline"),
        (("--emotion", "happy=2"), "share of happy must be between 0 and 1"),
    ],
)
def test_unusable_options(run, tmp_path, voice, nothing_is_loaded, options, because):
    assert_refused(run, tmp_path, because, voice, "-o", tmp_path / "out.mp4", *options)


@pytest.mark.parametrize(
    ("output", "because"),
    [
        ("out.avi", "the output is an .mp4 (video) or an .npz (motion)"),
        ("none/out.mp4", "does not exist"),
        ("folder.mp4", "is a folder"),
    ],
)
def test_unusable_outputs(run, tmp_path, voice, nothing_is_loaded, output, because):
    (tmp_path / "folder.mp4").mkdir()
    assert_refused(run, tmp_path, because, voice, "-o", tmp_path / output)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="this system has no /proc")
def test_a_file_system_that_refuses_in_the_end(run, tmp_path, voice):
    assert_refused(run, tmp_path, "cannot be written", voice, "-o", "/proc/out.npz")


def test_motion_alone_goes_without_other_files(run, tmp_path, voice, nothing_is_loaded):
    assert_refused(run, tmp_path, "motion alone", voice, "-o", tmp_path / "out.npz", "--compare")


# Interrupted, and out of space

FULL_DISK = """
import resource, sys
from emogene.cli import main
from emogene.emotalk import HEARD, LABELS
voice, output = sys.argv[1:]
def generate(path):
    try:
        main(["generate", voice, "-o", path, "--size", "64", "--quiet"])
    except SystemExit as stop:
        return stop.code
assert generate(output) == 0  # everything that is compiled or cached on first use is now there
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
sys.exit(generate(output.replace("first", "second")))
"""


@pytest.mark.skipif(not find_spec("resource"), reason="this system limits no files")
@pytest.mark.parametrize("kind", ["mp4", "npz"])
def test_a_full_disk(tmp_path, voice, kind):
    """A limit on the size of files stands for the full disk: the system refuses to write in the same way."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, voice, tmp_path / f"first.{kind}"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "cannot be written" in done.stderr and done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [f"first.{kind}"]
