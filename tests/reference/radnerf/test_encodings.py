import pytest

from emogene.reference.radnerf.encodings import SH_WIDTH, frequency, frequency_width, spherical_harmonics


def test_spherical_harmonics_are_the_official_ones(recorded):
    out = spherical_harmonics(recorded["sh_x"])
    assert out.shape[1] == SH_WIDTH
    assert (out - recorded["sh_y"]).abs().max() < 1e-6


@pytest.mark.parametrize(("dimensions", "octaves"), [(2, 10), (6, 4), (14, 4)])
def test_frequencies_are_the_official_ones(recorded, dimensions, octaves):
    name = f"freq_{dimensions}_{octaves}"
    out = frequency(recorded[f"{name}_x"], octaves)
    assert out.shape[1] == frequency_width(dimensions, octaves)
    assert (out - recorded[f"{name}_y"]).abs().max() < 1e-6
