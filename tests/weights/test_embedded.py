import numpy as np
import pytest
from safetensors.numpy import save_file

from emogene.errors import EmoGeneError
from emogene.weights import embedded
from emogene.weights.header import metadata


def test_every_embedded_file_states_its_licence():
    found = list(embedded())
    assert found
    assert [weights.path.name for weights in found if weights.licence == "not stated"] == []


def test_the_metadata_is_read_without_the_tensors(tmp_path):
    path = tmp_path / "some.safetensors"
    save_file({"x": np.zeros(3)}, path, metadata={"licence": "CC0"})
    assert metadata(path) == {"licence": "CC0"}


@pytest.mark.parametrize(
    "content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"\x02" + bytes(7) + b"[]"]
)
def test_a_damaged_file_is_one_line(tmp_path, content):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(EmoGeneError, match="not a safetensors file, or damaged"):
        metadata(path)
