from emogene import doctor
from emogene.weights import OFFICIAL, data_folder


def test_every_requirement_is_listed_with_its_version():
    report = doctor.report()
    for package in ("torch", "numpy", "av", "safetensors", "numba", "swift-f0"):
        assert any(line.split()[:1] == [package] and "missing" not in line for line in report.splitlines())


def test_a_missing_checkpoint_says_where_it_belongs(monkeypatch, tmp_path):
    monkeypatch.setenv("EMOGENE_HOME", str(tmp_path))
    assert data_folder() == tmp_path
    assert f"missing; from {OFFICIAL[0].source} to {tmp_path / OFFICIAL[0].file}" in doctor.report()
    (tmp_path / OFFICIAL[0].file).touch()
    assert f"to {tmp_path / OFFICIAL[0].file}" not in doctor.report()


def test_a_missing_extra_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(doctor, "requires", lambda _: ["no-such-package>=1; extra == 'official'"])
    lines = list(doctor._packages("official"))
    assert "missing" in lines[0] and "pip install '.[official]'" in lines[1]
    assert list(doctor._packages(None)) == []
