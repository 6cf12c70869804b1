"""The reference system from end to end: files as the official code leaves them, at reduced widths, in named
weights, become an avatar, and a voice becomes its video."""

import hashlib
import pickle
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from scipy.io import savemat

from emogene import Avatar, EmoGene, EmoGeneError
from emogene.audio import analyse
from emogene.audio.sound import Sound
from emogene.audio.speech import SpeechStream
from emogene.audio2motion.vae import PitchContourVAE, VAEConfig
from emogene.cli import main
from emogene.emotalk import parse
from emogene.face.head import HeadModel
from emogene.face.landmarks import MEDIAPIPE_68, MOUTH
from emogene.face.mean import mean_face
from emogene.performance import Performance
from emogene.performance.track import pose_places
from emogene.reference.avatar import OfficialAvatar
from emogene.reference.bfm import INDEX_FILE, MODEL_FILE, load_bfm
from emogene.reference.condition import (
    blinked,
    head_condition,
    official_blink,
    rotation_matrix,
    torso_landmarks,
    torso_pose,
)
from emogene.reference.emotalk import EmoTalkConfig, OfficialEmoTalk
from emogene.reference.emotion import Manner, ReferenceEmotion
from emogene.reference.hparams import read_hparams
from emogene.reference.importer import import_official
from emogene.reference.named import fill_by_name
from emogene.reference.radnerf.checkpoint import official_state, parts
from emogene.reference.radnerf.field import HeadConfig, HeadField
from emogene.reference.radnerf.grid_config import GridConfig
from emogene.reference.radnerf.renderer import Portrait
from emogene.reference.radnerf.superres import SuperResolution, SuperResolutionConfig
from emogene.reference.radnerf.torso import TorsoConfig, TorsoField
from emogene.reference.wav2vec2 import Wav2Vec2, Wav2Vec2Config
from emogene.weights.avatars import avatar_files, new_avatar_file

FRAMES, VERTICES, NATIVE = 40, 600, 32
ENCODER = Wav2Vec2Config(
    24, hidden=64, layers=1, heads=1, feed_forward=64, position_kernel=16, position_groups=4, vocabulary=32
)


def hum(seconds: float) -> np.ndarray:
    """A sung vowel of a kind: 120 Hz and its harmonics, swelling four times a second."""
    t = np.arange(round(seconds * 16_000)) / 16_000
    tone = sum(np.sin(2 * np.pi * 120 * k * t) / k for k in range(1, 8)) * np.sin(4 * np.pi * t) ** 2
    return (0.2 * np.asarray(tone)).astype(np.float32)


# The files


def portrait(kind: str) -> Portrait:
    """May's networks with small tables and widths: head, torso, head_sr or torso_sr."""
    larger, torso = kind.endswith("sr"), kind.startswith("torso")
    grid = GridConfig(log2_rows=9)
    head = HeadConfig(
        window=3 if larger else 5,
        blink_width=(4 if torso else 2) if larger else 0,
        individuals=3,
        grid_size=16,
        position_grid=grid,
        ambient_grid=grid,
        sigma_hidden=16,
        geometry_width=16,
        colour_hidden=16,
        ambient_hidden=16,
        ambient_weight=larger and not torso,
    )
    body = TorsoConfig(
        condition="landmarks" if larger else "pose",
        head_aware=larger,
        individuals=3,
        grid=GridConfig(2, log2_rows=9),
        grid_size=8,
    )
    made = Portrait(
        HeadField(head),
        TorsoField(body) if torso else None,
        SuperResolution(SuperResolutionConfig(size=NATIVE, channels=(8, 4))) if larger else None,
    )
    for module, prefix in parts(made):
        fill_by_name(module, prefix)
    made.head.density_bitfield.fill_(255)
    if made.torso:
        made.torso.density_grid_torso.fill_(1)
    return made


def write_checkpoint(folder: Path, kind: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    state = {"state_dict": {"model": official_state(portrait(kind))}, "global_step": 250_000}
    torch.save(state, folder / "model_ckpt_steps_250000.ckpt")
    (folder / "config.yaml").write_text(
        "amp: true\nbase_config:\n- egs/base.yaml\ncamera_scale: 4.0\nmax_steps: 16\n"
    )
    return folder


def write_audio_models(folder: Path) -> None:
    """EmoTalk, audio-to-motion and HuBERT at reduced widths, each in its own container."""
    torch.manual_seed(0)
    vae = PitchContourVAE(VAEConfig(features=64, channels=12, hidden=24, encoder_layers=2, decoder_layers=2))
    emotalk = OfficialEmoTalk(EmoTalkConfig(ENCODER, 32, 16, 8, 8, feed_forward=48))
    hubert = Wav2Vec2(ENCODER)
    for module in (vae, hubert, emotalk):
        fill_by_name(module)
    torch.save(emotalk.state_dict(), folder / "EmoTalk.pth")
    for name in ("audio2motion_vae", "hubert-large-ls960-ft"):
        (folder / name).mkdir()
    container = {"state_dict": {"model": vae.state_dict()}, "epoch": 9, "global_step": 400_000}
    torch.save(container, folder / "audio2motion_vae" / "model_ckpt_steps_400000.ckpt")
    ctc = {(k if k.startswith("lm_head.") else f"hubert.{k}"): v for k, v in hubert.state_dict().items()}
    torch.save(ctc, folder / "hubert-large-ls960-ft" / "pytorch_model.bin")


def write_bfm(folder: Path) -> Path:
    """A face model whose 68 points are our own mean face, so that it is a face."""
    draw = np.random.default_rng(2)
    ours, index = HeadModel.embedded(), draw.permutation(VERTICES - 1)[:468] + 1
    index[list(MEDIAPIPE_68)] = range(1, 69)
    index[[i for i in range(468) if i not in MEDIAPIPE_68]] = -1
    mean = draw.normal(0, 0.5, (VERTICES, 3)).astype(np.float32)
    mean[1:69] = mean_face()
    identity = np.zeros((VERTICES, 3, 80), np.float32)
    expression = np.zeros((VERTICES, 3, 64), np.float32)
    identity[1:69, :, : ours.modes] = np.moveaxis(ours.identity[:, ours.landmarks], 0, -1)
    expression[1:69, :, : len(ours.landmark_basis)] = np.moveaxis(ours.landmark_basis, 0, -1)
    folder.mkdir()
    arrays = {
        "meanshape": mean.reshape(1, -1),
        "idBase": identity.reshape(-1, 80),
        "exBase": expression.reshape(-1, 64),
    }
    savemat(folder / MODEL_FILE, arrays)
    np.save(folder / INDEX_FILE, index)
    return folder


def recording(frames: int = FRAMES) -> dict:
    """What a binarised video of May holds."""
    draw = np.random.default_rng(0)
    drift = np.sin(np.arange(frames)[:, None] / 9 + np.arange(3))
    euler, fitted = 0.1 * drift, 0.1 * drift
    trans = fitted - [0, 0, 10]
    rotation = rotation_matrix(euler)
    c2w = np.tile(np.eye(4), (frames, 1, 1))
    c2w[:, :3, :3] = rotation.swapaxes(1, 2)
    c2w[:, :3, 3] = -np.einsum("tji,tj->ti", rotation, trans / 10)
    samples = [{"idx": i, "c2w": pose} for i, pose in enumerate(c2w)]
    return {
        "bg_img": draw.integers(0, 255, (64, 64, 3)).astype(np.uint8),
        **{"H": 64, "W": 64, "focal": 1015, "cx": 112.0, "cy": 112.0},
        "eye_area_percent": draw.uniform(0.2, 0.6, frames).astype(np.float32),
        "id": draw.normal(0, 0.3, (1, 80)).astype(np.float32),
        "exp": draw.normal(0, 0.5, (frames, 64)).astype(np.float32),
        "euler": euler.astype(np.float32),
        "trans": trans.astype(np.float32),
        "idexp_lm3d": np.zeros((frames, 204), np.float32),
        **{"train_samples": samples[: frames // 11 * 10], "val_samples": samples[frames // 11 * 10 :]},
    }


def write_dataset(path: Path, content: dict) -> Path:
    np.save(path, np.array(content, dtype=object), allow_pickle=True)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """A folder with everything that a user of May has."""
    folder = tmp_path_factory.mktemp("may")
    for kind in ("head", "torso", "head_sr", "torso_sr"):
        write_checkpoint(folder / kind, kind)
    write_bfm(folder / "bfm")
    write_dataset(folder / "trainval_dataset.npy", recording())
    write_audio_models(folder)
    return folder


@pytest.fixture(scope="session")
def filmed(performed):
    """Makes the performance of an official avatar: its faces, under its video's poses and its own blinks."""

    def make(avatar: OfficialAvatar, faces: np.ndarray, poses: np.ndarray | None = None) -> Performance:
        """``faces [T, 68, 3]``, ``poses [T]``: which of the video's; in order, to and fro, if None."""
        in_order = pose_places("nearest", np.arange(len(faces)), len(avatar.pose))
        shown = in_order if poses is None else poses
        return performed(faces, avatar.pose[shown], blink=avatar.blink(len(faces)))

    return make


def imported(files: Path, kind: str) -> OfficialAvatar:
    where = {"torso" if kind.startswith("torso") else "head": files / kind}
    return import_official("x", files / "trainval_dataset.npy", files / "bfm", **where)


@pytest.fixture(scope="module")
def may(files) -> OfficialAvatar:
    dataset = files / "trainval_dataset.npy"
    return import_official("may", dataset, files / "bfm", files / "head_sr", files / "torso_sr")


def official(files: Path, device: str) -> EmoGene:
    """The official networks, as loaded."""
    pytest.importorskip("parselmouth", reason="extra 'official' is not installed")
    return EmoGene.from_pretrained(
        device=device,
        threads=2,
        emotalk=files / "EmoTalk.pth",
        audio2motion=files / "audio2motion_vae",
        hubert=files / "hubert-large-ls960-ft",
    )


@pytest.fixture(scope="module")
def reference(files) -> EmoGene:
    return official(files, "cpu")


def write_sound(path: Path, *channels: np.ndarray) -> Path:
    """One channel or two, 16 kHz."""
    layout = ("mono", "stereo")[len(channels) - 1]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=16_000, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.stack(channels, 1).reshape(1, -1), "flt", layout)
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def voice(tmp_path_factory) -> Path:
    return write_sound(tmp_path_factory.mktemp("voice") / "voice.wav", hum(1.0))


@pytest.fixture
def run(capsys, monkeypatch, tmp_path) -> Callable[..., tuple[int, str, str]]:
    """The command line with a home of its own."""
    monkeypatch.setenv("EMOGENE_HOME", str(tmp_path / "home"))

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        return int(stop.value.code or 0), *capsys.readouterr()

    return run


# What works


def test_import_then_generate(run, files, voice, tmp_path):
    """The commands of docs/official.md, from the files to the video."""
    pytest.importorskip("parselmouth", reason="extra 'official' is not installed")
    status, out, err = run(
        *("avatar", "import", "--head", files / "head_sr", "--torso", files / "torso_sr", "--name", "may"),
        *("--dataset", files / "trainval_dataset.npy", "--bfm", files / "bfm"),
    )
    assert status == 0 and err.count("\n") == 1
    assert (
        "assumed as in the released models: desired_resolution: 2048, bound: 1, grid_type: tiledgrid" in err
    )
    assert "max_steps" not in err and "camera_scale" not in err  # config.yaml has them
    assert Path(out.strip()) == new_avatar_file("may")
    assert "may" in avatar_files() and "may" in run("avatars")[1]
    shown = run("avatar", "show", "may")[1]
    assert "not to be passed on" in shown
    for name in ("torso_sr/model_ckpt_steps_250000.ckpt", f"bfm/{MODEL_FILE}", f"bfm/{INDEX_FILE}"):
        assert f"{hashlib.sha256((files / name).read_bytes()).hexdigest()}  {name}" in shown
    assert shown.count("imported") == 7, "two checkpoints, their configs, the dataset, the face model's two"

    video, told = tmp_path / "out.mp4", tmp_path / "told.mp4"
    official = (
        *(
            "--avatar",
            "may",
            "--emotalk",
            files / "EmoTalk.pth",
            "--audio2motion",
            files / "audio2motion_vae",
        ),
        *("--hubert", files / "hubert-large-ls960-ft", "--mixture", "reference:8", "--size", 2 * NATIVE),
    )
    status, out, err = run("generate", voice, *official, "--landmarks", tmp_path / "a.npz", "-o", video)
    assert (status, out.splitlines()) == (0, [str(video), str(tmp_path / "a.npz")])
    assert "heard" not in err
    with av.open(str(video)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 25 and frames[0].shape == (2 * NATIVE, 2 * NATIVE, 3)
    options = ("--emotalk-level", 0, "--emotalk-person", 7, "--precision", "bf16", "--quiet")
    status, _, err = run(
        "generate", voice, *official, *options, "--landmarks", tmp_path / "b.npz", "-o", told
    )
    assert (status, err) == (0, "")
    with np.load(tmp_path / "a.npz") as one, np.load(tmp_path / "b.npz") as other:
        assert one["mixed"].shape == (25, 68, 3) and np.isfinite(one["mixed"]).all()
        np.testing.assert_array_equal(one["geneface"], other["geneface"])
        assert np.abs(one["blendshapes"] - other["blendshapes"]).max() > 0.01

    motion = tmp_path / "own.npz"
    status, _, err = run("generate", voice, "-o", motion, "--avatar", "may", "--pose", "0-20", "--quiet")
    assert (status, err) == (0, "")
    with np.load(motion) as tracks:
        assert tracks["mixed"].shape == (25, 68, 3) and np.isfinite(tracks["mixed"]).all()


@pytest.mark.parametrize("mixture", ["reference:6", "reference:7", "reference:8", "reference:9", "default"])
def test_every_mixture_on_the_imported_avatar(reference, files, may, voice, tmp_path, mixture):
    may.save(tmp_path / "may.safetensors")
    one, two = (
        reference(voice, avatar=each, mixture=mixture, size=64).performance.landmarks.points
        for each in (may, tmp_path / "may.safetensors")
    )
    np.testing.assert_array_equal(one, two)
    assert np.ptp(one[:, MOUTH], axis=0).max() > 1e-3
    assert np.abs(one - may.space.model.mean).max() < 2


def test_the_video_shows_the_official_poses_and_blinks(reference, may):
    """In order, the blink at frame 75; the landmarks come without it."""
    shown = reference(hum(4.0), 16_000, avatar=may, mixture="reference", size=64).performance
    np.testing.assert_array_equal(shown.blink.values[:, 0], official_blink(100))
    np.testing.assert_array_equal(shown.head.source[:FRAMES], np.arange(FRAMES))
    assert shown.head.source[FRAMES] == FRAMES - 1, "mirrored beyond the end"
    lids = np.linalg.norm(shown.landmarks.points[:, 37] - shown.landmarks.points[:, 41], axis=-1)
    assert lids[78] > 0.5 * np.median(lids)


def test_what_is_saved_is_what_was_imported(may, files, tmp_path, filmed):
    path = tmp_path / "may.safetensors"
    may.save(path)
    assert path.stat().st_mode & 0o077 == 0
    copy = Avatar.open(path)
    assert isinstance(copy, OfficialAvatar)
    checkpoint = torch.load(files / "torso_sr" / "model_ckpt_steps_250000.ckpt", weights_only=True)
    state = official_state(copy.portrait)
    assert all(torch.equal(state[key], value) for key, value in checkpoint["state_dict"]["model"].items())
    for name in ("database", "neutral"):
        np.testing.assert_array_equal(getattr(copy.space, name), getattr(may.space, name))
    shown = filmed(may, may.space.database[:2])
    first, second = (list(avatar.renderer(64, threads=1).frames([shown])) for avatar in (may, copy))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


def test_the_person_is_the_datasets_with_every_expression_of_the_model(may, files):
    content, face = recording(), load_bfm(files / "bfm")
    expected = face.landmarks(content["id"][0], content["exp"])
    np.testing.assert_allclose(may.space.database, expected, atol=1e-6)
    spoken = may.space.model.landmarks(np.ones(1, np.float32), content["exp"][:3])
    np.testing.assert_allclose(spoken, expected[:3], atol=1e-6)


kinds = pytest.mark.parametrize("kind", ["head", "torso", "head_sr", "torso_sr"])


@kinds
def test_every_kind_renders(files, filmed, kind):
    avatar = imported(files, kind)
    assert avatar.native == (NATIVE if kind.endswith("sr") else 64)
    pictures = list(avatar.renderer(64, threads=2).frames([filmed(avatar, avatar.space.database[:3])]))
    assert [p.shape for p in pictures] == [(64, 64, 3)] * 3
    assert np.abs(pictures[0].astype(int) - pictures[2]).max() > 0


@pytest.mark.parametrize(
    ("kind", "size", "own", "doubled"),
    [
        ("head_sr", 64, 64, False),
        ("head_sr", 80, 80, False),
        ("head_sr", 100, 96, True),
        ("head", 128, 96, False),
    ],
)
def test_fields_see_no_more_pixels_than_in_training(files, filmed, kind, size, own, doubled):
    avatar = replace(imported(files, kind), native=96)
    renderer = avatar.renderer(size, threads=1)
    assert renderer.fields.size == own
    assert (renderer.fields.superres is not None) == doubled
    (picture,) = renderer.frames([filmed(avatar, avatar.space.database[:1])])
    assert picture.shape == (size, size, 3)
    refused("at least 64", lambda: avatar.renderer(63))


@kinds
def test_plain_pytorch_gives_the_kernels_pictures(files, filmed, kind):
    avatar = imported(files, kind)
    kernels, plain = (
        avatar.renderer(64, "white", threads=1, backend=backend) for backend in ("numba", "reference")
    )
    for state in kernels.states([filmed(avatar, avatar.space.database[:2])]):
        ours, theirs = kernels.fields.layers(state), plain.fields.layers(state)
        for one, other in zip(ours[:4], theirs[:4], strict=True):
            assert (one - other).abs().max() < 1e-4
        assert 0.01 < ours.head.mean() < 0.99
        pictures = (renderer.fields.frame(state).astype(int) for renderer in (kernels, plain))
        assert np.abs(np.subtract(*pictures)).max() <= 1


def test_the_audio_networks_are_on_the_device(files, may, reference, voice, pretended_cuda):
    there = official(files, "auto")
    assert there.rendering.device == "cuda"
    here, there = (made(voice, avatar=may, size=64).performance for made in (reference, there))
    np.testing.assert_allclose(here.landmarks.points, there.landmarks.points, atol=1e-4)
    np.testing.assert_allclose(here.blendshapes.values, there.blendshapes.values, atol=1e-4)


def test_everything_is_on_the_device(may, filmed, pretended_cuda):
    there = may.renderer(2 * NATIVE, device="cuda").fields
    here = may.renderer(2 * NATIVE, device="cpu")
    assert there.device.type == "cuda"
    for state in here.states([filmed(may, may.space.database[:2])]):
        assert np.abs(here.fields.frame(state).astype(int) - there.frame(state)).max() <= 1


def test_a_frame_is_given_what_the_condition_pipeline_gives(may, filmed):
    faces, renderer = may.space.database, may.renderer(64)
    states = list(renderer.states([filmed(may, faces, np.zeros(FRAMES, int))]))
    assert len(states) == FRAMES
    assert all(torch.equal(states[0].rays.direction, s.rays.direction) for s in states[1:])
    moving = list(renderer.states([filmed(may, faces)]))
    assert not torch.equal(moving[0].rays.direction, moving[9].rays.direction)
    chin = moving[3].torso_condition
    assert chin is not None and chin.shape == (1, 136)
    assert chin.min() > 0 and chin.max() < 1, "the face is in the picture"
    u, v = chin.reshape(68, 2).T
    assert u[0] < u[16] and v[8] > v[27], "not mirrored, not upside down"


@pytest.mark.parametrize("kind", ["torso", "torso_sr"])
@pytest.mark.parametrize("length", [1, 7, 90])
def test_stretches_give_the_official_conditions_of_the_whole_clip(files, filmed, kind, length):
    """Whatever their lengths: windows, blinks (at 75) and smoothed poses look across their ends."""
    avatar = imported(files, kind)
    faces, head = avatar.space.database[np.arange(90) % FRAMES], avatar.portrait.head
    whole = filmed(avatar, faces)
    source = whole.head.source
    shut, area = blinked(faces, official_blink(90), avatar.eyes)
    windows = head_condition(shut, avatar.space.origin, avatar.statistics, head.config.window)
    if kind == "torso":
        torso = torso_pose(avatar.track.camera[source])
    else:
        torso = torso_landmarks(faces, avatar.track.euler[source], avatar.track.trans[source])
    stretches = (whole[first : first + length] for first in range(0, 90, length))
    states = list(avatar.renderer(64).states(stretches))
    assert len(states) == 90
    for t, state in list(enumerate(states))[::3]:
        with torch.no_grad():
            wanted = head.condition(torch.from_numpy(windows[t]), torch.from_numpy(area[t]).float())
        assert (state.condition - wanted).abs().max() < 1e-6
        np.testing.assert_allclose(state.torso_condition[0], torso[t], atol=1e-6)


def test_a_frame_is_shown_as_soon_as_its_neighbours_are_known(may, filmed):
    whole, asked = filmed(may, may.space.database), []

    def live():
        for first in range(FRAMES):
            asked.append(first)
            yield whole[first : first + 1]

    states = may.renderer(64).states(live())
    for t in range(20):
        next(states)
        assert asked[-1] == t + 3, "the poses are smoothed over seven frames"


@pytest.mark.parametrize("kind", ["head_sr", "torso_sr"])
def test_eyes_are_shut_by_the_performances_blinks(files, filmed, kind):
    avatar = imported(files, kind)
    shown = filmed(avatar, avatar.space.database[:5], np.zeros(5, int))
    shut = replace(shown, blink=replace(shown.blink, values=np.ones((5, 1), np.float32)))
    first, second = (next(avatar.renderer(64).states([each])).condition for each in (shown, shut))
    assert (first - second).abs().max() > 1e-3


def test_only_poses_of_the_video_are_shown(may, performed):
    free = replace(may.pose[:3], source=None)
    shown = performed(may.space.database[:3], free, blink=may.blink(3))
    refused("own video", lambda: list(may.renderer(64).frames([shown])))


@pytest.mark.parametrize("mixture", ["reference", "default"])
def test_a_clip_of_two_frames(reference, may, tmp_path, mixture):
    short = write_sound(tmp_path / "short.wav", hum(0.06)[-800:] + 0.01)
    result = reference(short, avatar=may, mixture=mixture, size=64)
    assert len(result) == 2 and len(list(result.frames())) == 2


def test_stereo_is_heard_as_by_the_official_code(reference, may, tmp_path):
    """HuBERT has the left channel; Praat's pitch is of the mean of both."""
    left, noise = hum(1.0), 0.1 * np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    sound = Sound.open(write_sound(tmp_path / "stereo.wav", left, noise))
    samples = np.concatenate(list(sound.speech()))
    speech = SpeechStream(None, sound).push(samples, end=sound.duration)
    heard = reference.lips.stream(may.space).push(speech)
    network = reference.lips.model
    for expression, same in (
        (network((left + noise) / 2, left=left), True),
        (network(samples), False),
    ):
        shown = may.space.model.landmarks(np.ones(1, np.float32), expression)
        assert np.allclose(shown, heard[: len(shown)], atol=1e-4) == same


def test_a_database_of_copies_has_a_projection(files, tmp_path, reference, voice):
    content = recording()
    content["exp"][:] = content["exp"][:2].repeat(FRAMES // 2, 0)
    path = write_dataset(tmp_path / "copies.npy", content)
    avatar = import_official("x", path, files / "bfm", torso=files / "torso_sr")
    result = reference(voice, avatar=avatar, mixture="reference", size=64)
    assert np.isfinite(result.performance.landmarks.points).all()


def test_config_beside_the_checkpoint(files, tmp_path):
    assert read_hparams(files / "torso_sr") == {"amp": True, "camera_scale": 4.0, "max_steps": 16}
    assert read_hparams(tmp_path) == {}
    (tmp_path / "config.yaml").write_text(
        "a: 'x y'\nb: 1e-3 # small\nc: [1, 2]\nd: !!python/name:os.system ''\ne:\n  f: 1\n"
    )
    assert read_hparams(tmp_path / "any.ckpt") == {"a": "x y", "b": 0.001}


def test_a_config_of_something_else(files, tmp_path):
    folder = write_checkpoint(tmp_path / "torso", "torso")
    (folder / "config.yaml").write_text("camera_scale: wide\n")
    dataset = files / "trainval_dataset.npy"
    refused("config.yaml", lambda: import_official("x", dataset, files / "bfm", torso=folder))


# What the user can put right


def refused(match: str, call: Callable[[], object]) -> None:
    with pytest.raises(EmoGeneError, match=match) as error:
        call()
    assert "\n" not in str(error.value)


def damaged_dataset(folder: Path, **changes) -> Path:
    return write_dataset(folder / "dataset.npy", recording() | changes)


def test_another_models_files(files, tmp_path):
    dataset, bfm = files / "trainval_dataset.npy", files / "bfm"
    refused("torso_sr|head", lambda: import_official("x", dataset, bfm))
    refused("a head's checkpoint", lambda: import_official("x", dataset, bfm, torso=files / "head_sr"))
    other = tmp_path / "a2m"
    other.mkdir()
    vae = PitchContourVAE(VAEConfig(features=16, channels=8, hidden=8, encoder_layers=1, decoder_layers=1))
    torch.save({"state_dict": {"model": vae.state_dict()}}, other / "model_ckpt_steps_1.ckpt")
    refused("not a GeneFace", lambda: import_official("x", dataset, bfm, head=other))
    refused(
        "not a GeneFace", lambda: import_official("x", dataset, bfm, head=other, torso=files / "torso_sr")
    )
    refused("no model_ckpt", lambda: import_official("x", dataset, bfm, torso=tmp_path))
    refused("cannot read", lambda: import_official("x", tmp_path / "no.npy", bfm, torso=files / "torso"))
    refused("not found", lambda: import_official("x", dataset, tmp_path, torso=files / "torso"))


def test_a_wrong_face_model(files, tmp_path):
    folder = write_bfm(tmp_path / "bfm")
    np.save(folder / INDEX_FILE, np.load(folder / INDEX_FILE)[::-1])
    dataset = files / "trainval_dataset.npy"
    refused("eye corners", lambda: import_official("x", dataset, folder, torso=files / "torso"))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (recording(8), "at least 10"),
        ({"val_samples": []}, "camera poses"),
        ({"train_samples": [{}] * 40, "val_samples": []}, "c2w"),
        ({"focal": 1200}, "camera"),
        ({"exp": np.full((FRAMES, 64), np.nan, np.float32)}, "not finite in exp"),
    ],
)
def test_a_dataset_that_cannot_be(files, tmp_path, changes, says):
    path = damaged_dataset(tmp_path, **changes)
    refused(says, lambda: import_official("x", path, files / "bfm", torso=files / "torso"))
    refused(
        re.escape(str(path)) if says != "c2w" else says,
        lambda: import_official("x", path, files / "bfm", torso=files / "torso"),
    )


def test_the_command_line_says_what_is_missing(run, files, voice, tmp_path):
    for options, says in {
        ("--emotalk", tmp_path / "EmoTalk.pth"): "no such checkpoint",
        ("--audio2motion", tmp_path): "no model_ckpt_steps",
        ("--mixture", "reference:5"): "unknown mixture",
        ("--pose", "9-3"): "head pose",
        ("--emotalk-person", "3"): "go with --emotalk",
        ("--avatar", "nobody"): "no avatar",
    }.items():
        status, out, err = run("generate", voice, "-o", tmp_path / "out.npz", "--quiet", *options)
        assert (status, out, err.count("\n")) == (2, "", 1) and says in err
    status, _, err = run(
        *("avatar", "import", "--torso", files / "torso", "--name", "../may"),
        *("--dataset", files / "trainval_dataset.npy", "--bfm", files / "bfm"),
    )
    assert status == 2 and "avatar name" in err


@pytest.mark.parametrize("name", ["default", "grid-s1", "", "a/b", "..", "-x"])
def test_names_that_cannot_be(name):
    refused("avatar name", lambda: new_avatar_file(name))


def test_official_networks_want_an_imported_avatar_and_hear_the_emotion(reference, voice):
    refused("avatar import", lambda: reference(voice, size=64))
    refused("--emotion auto", lambda: reference.emotion.stream(parse("happy")))
    refused("--emotion auto", lambda: reference(voice, emotion="happy", size=64))


def test_emotalk_can_be_told_level_and_person(reference):
    speech = analyse(hum(0.5))

    def told(level: int, person: int) -> np.ndarray:
        branch = ReferenceEmotion(reference.emotion.model, Manner(level, person))
        return branch.stream().push(speech).emotion.values

    usual = told(1, 0)
    assert np.abs(usual - told(0, 0)).max() > 1e-3 and np.abs(usual - told(1, 23)).max() > 1e-3
    np.testing.assert_array_equal(usual, reference.emotion.stream().push(speech).emotion.values)
    refused("level is 0 to 1", lambda: Manner(level=2))
    refused("person is 0 to 23", lambda: Manner(person=24))


def test_precision(may, filmed):
    state = next(may.renderer(2 * NATIVE).states([filmed(may, may.space.database[:1])]))
    whole, exact, half = (
        may.renderer(2 * NATIVE, precision=precision).fields.frame(state).astype(int)
        for precision in (None, "fp32", "bf16")
    )
    assert (whole == exact).all() and 0 < np.abs(whole - half).max() < 40
    refused("precision", lambda: may.renderer(64, precision="fp16"))


def test_an_encoder_of_another_width(files, tmp_path):
    wide = Wav2Vec2(replace(ENCODER, hidden=128, position_groups=8))
    torch.save(wide.state_dict(), tmp_path / "pytorch_model.bin")
    models = {"audio2motion": files / "audio2motion_vae", "hubert": tmp_path}
    refused("gives 128 features", lambda: EmoGene.from_pretrained("cpu", **models))


def test_a_damaged_avatar_file(may, tmp_path):
    path = tmp_path / "may.safetensors"
    may.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    refused("avatar file", lambda: Avatar.open(path))


def test_a_hostile_dataset_does_not_run(files, tmp_path):
    trap = tmp_path / "trap"

    class Call:
        def __reduce__(self):
            return Path.touch, (trap,)

    path = damaged_dataset(tmp_path, hubert=Call())
    assert b"touch" in pickle.dumps(Call())
    refused("refused", lambda: import_official("x", path, files / "bfm", torso=files / "torso"))
    assert not trap.exists()
