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


def test_kernels_that_can_be_kept_nowhere_are_one_line(monkeypatch):
    assert sum("kernels   kept in" in line for line in doctor.report().splitlines()) == 1
    monkeypatch.setattr("emogene.kernel.kernel_cache", lambda: None)
    (line,) = [line for line in doctor.report().splitlines() if line.startswith("  kernels")]
    assert "compiled by each process anew" in line and "NUMBA_CACHE_DIR" in line


def test_avatars_in_the_earlier_folder_are_told_of(monkeypatch, tmp_path):
    for name in ("EMOGENE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / ".cache/emogene/avatars/me.safetensors"
    path.parent.mkdir(parents=True)
    path.touch()
    lines = [line for line in doctor.report().splitlines() if "which may be emptied; move it to" in line]
    assert len(lines) == 1 and str(path) in lines[0]


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch):
    monkeypatch.setattr("emogene.weights.places._home", lambda environment, platform: None)
    for name in ("EMOGENE_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    assert "set EMOGENE_HOME" in doctor.report()


def test_a_missing_extra_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(doctor, "requires", lambda _: ["no-such-package>=1; extra == 'official'"])
    lines = list(doctor._packages("official"))
    assert "missing" in lines[0] and "pip install '.[official]'" in lines[1]
    assert list(doctor._packages(None)) == []
