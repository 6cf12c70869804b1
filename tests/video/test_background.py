import numpy as np
import pytest
from PIL import Image

from emogene.errors import EmoGeneError
from emogene.video.background import read_background


@pytest.mark.parametrize(
    ("text", "colour"), [("white", (255, 255, 255)), ("#1f3a5f", (31, 58, 95)), ("rgb(1,2,3)", (1, 2, 3))]
)
def test_a_colour_fills_the_picture(text, colour):
    assert (read_background(text, 64) == np.array(colour)).all()
    assert read_background(text, 64).shape == (64, 64, 3)


def test_an_image_is_cropped_about_its_centre(tmp_path):
    picture = np.zeros((50, 150, 3), np.uint8)
    picture[:, 50:100] = (10, 200, 90)
    Image.fromarray(picture).save(tmp_path / "wide.png")
    assert np.abs(read_background(tmp_path / "wide.png", 48).astype(int) - (10, 200, 90)).max() <= 1


def test_transparent_grey_and_palette_images_become_rgb(tmp_path):
    for mode in ("RGBA", "L", "P", "1"):
        Image.new(mode, (20, 20)).save(tmp_path / "image.png")
        assert read_background(tmp_path / "image.png", 16).shape == (16, 16, 3)


@pytest.mark.parametrize("text", ["no-such-colour", "nowhere.png", "#12", ""])
def test_neither_colour_nor_file_is_one_line(text):
    with pytest.raises(EmoGeneError, match="neither a colour") as error:
        read_background(text, 64)
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_image_is_one_line(tmp_path):
    (tmp_path / "fake.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    with pytest.raises(EmoGeneError, match=r"fake\.png: is not an image"):
        read_background(tmp_path / "fake.png", 64)
