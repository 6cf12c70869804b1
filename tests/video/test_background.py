from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emogene.errors import EmoGeneError
from emogene.video.background import read_background

CASES = Path(__file__).parents[1] / "fixtures" / "pictures"
OWN = np.full((64, 64, 3), (20, 90, 160), np.uint8)


def read(background, size: int = 64) -> np.ndarray:
    picture = read_background(background, size, OWN)
    assert picture.shape == (size, size, 3) and picture.dtype == np.uint8
    return picture


@pytest.mark.parametrize(
    ("text", "colour"), [("white", (255, 255, 255)), ("#1f3a5f", (31, 58, 95)), ("rgb(1,2,3)", (1, 2, 3))]
)
def test_a_colour_fills_the_picture(text, colour):
    assert (read(text) == np.array(colour)).all()


def test_nothing_is_the_avatars_own():
    assert (read(None) == OWN).all()
    assert (read(None, 32) == OWN[:32, :32]).all()


def test_a_transparent_colour_lets_the_avatars_own_through():
    assert np.abs(read("#ff000080") - (OWN + np.array([255.0, 0, 0])) / 2).max() <= 1


@pytest.mark.parametrize("kind", [str, Path])
def test_an_image_is_cropped_about_its_centre(tmp_path, kind):
    picture = np.zeros((50, 150, 3), np.uint8)
    picture[:, 50:100] = (10, 200, 90)
    Image.fromarray(picture).save(tmp_path / "wide.png")
    assert np.abs(read(kind(tmp_path / "wide.png"), 48).astype(int) - (10, 200, 90)).max() <= 1


def test_an_array_is_a_picture_too():
    assert (read(np.full((10, 20, 3), 7, np.uint8)) == 7).all()
    assert (read(np.zeros((10, 20, 4), np.uint8)) == OWN).all()


def test_grey_of_16_bits_is_rounded_to_8():
    deep = np.asarray(Image.open(CASES / "gray16.png")).astype(float)
    assert deep.max() > 60_000
    np.testing.assert_array_equal(read(CASES / "gray16.png", 256)[..., 1], np.round(deep / 257))


@pytest.mark.parametrize("value", [10, 130, 245])
def test_grey_of_16_bits_in_other_files(tmp_path, value):
    for name in ("grey.tiff", "grey.pgm", "grey.png"):
        Image.fromarray(np.full((20, 20), value * 257 - 100, np.uint16)).save(tmp_path / name)
        assert (read(tmp_path / name) == value).all()


def test_where_an_image_is_transparent_the_avatars_own_shines_through():
    picture = np.asarray(Image.open(CASES / "transparent.png").resize((64, 64), Image.Resampling.LANCZOS))
    seen, alpha = read(CASES / "transparent.png"), picture[..., 3]
    assert (seen[alpha == 0] == OWN[0, 0]).all() and (alpha == 0).sum() > 100
    assert (seen[alpha == 255] == picture[alpha == 255][:, :3]).all() and (alpha == 255).sum() > 100


@pytest.mark.parametrize("mode", ["LA", "PA", "P"])
def test_other_kinds_of_transparency(tmp_path, mode):
    options = {"transparency": 0} if mode == "P" else {}
    Image.new("P" if mode == "P" else "LA", (20, 20)).save(tmp_path / "clear.png", **options)
    assert (read(tmp_path / "clear.png") == OWN).all()


@pytest.mark.parametrize("mode", ["L", "1", "CMYK", "RGB"])
def test_images_of_other_kinds(tmp_path, mode):
    name = tmp_path / ("image.jpg" if mode == "CMYK" else "image.png")
    Image.new("RGB", (20, 20), (255, 255, 255)).convert(mode).save(name)
    assert (read(name) >= 254).all()


def test_a_turned_photograph_is_upright(tmp_path):
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[:20] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(picture).save(tmp_path / "photo.png", exif=exif)
    assert (read(tmp_path / "photo.png")[:28] == 0).all()


@pytest.mark.parametrize("text", ["no-such-colour", "nowhere.png", "#12", "", "x" * 5000, "nul\0"])
def test_neither_colour_nor_file_is_one_line(text):
    with pytest.raises(EmoGeneError, match="neither a colour") as error:
        read(text)
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_image_is_one_line(tmp_path):
    (tmp_path / "fake.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    with pytest.raises(EmoGeneError, match=r"fake\.png: is not an image"):
        read(tmp_path / "fake.png")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [9_500, 14_200])
def test_an_image_that_is_too_large_says_so(tmp_path, side):
    Image.new("1", (side, side)).save(tmp_path / "huge.png")
    with pytest.raises(EmoGeneError, match=r"huge\.png: is too large, more than 89 megapixels"):
        read(tmp_path / "huge.png")
