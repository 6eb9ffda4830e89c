"""What the doctor finds on machines that lack something."""

import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from audio_emotion.cli import _doctor
from audio_emotion.cli._doctor import Finding, machine, models, packages
from audio_emotion.core import paths
from audio_emotion.core.errors import DeviceError, NoHomeError
from audio_emotion.inference import backends
from audio_emotion.inference.loading import load_model
from audio_emotion.models import checkpoint
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def least(requirements: list[str]) -> dict[str, str]:
    """Each package with the lowest version that a requirement allows."""
    read = map(Requirement, requirements)
    return {
        requirement.name: next(bound.version for bound in requirement.specifier if bound.operator == ">=")
        for requirement in read
    }


def test_the_tables_of_packages_are_the_projects():
    assert least(PROJECT["project"]["dependencies"]) == packages.INFER | packages.TRAIN
    assert packages.INFER.keys() == PROJECT["tool"]["poetry"]["group"]["infer"]["dependencies"].keys()
    extras = {name: least(needs) for name, needs in PROJECT["project"]["optional-dependencies"].items()}
    assert {name: dict(needs) for name, (_, needs) in packages.EXTRAS.items()} == extras
    assert PROJECT["project"]["requires-python"] == f">={packages.PYTHON[0]}.{packages.PYTHON[1]}"


def found(**versions: str | None) -> list[Finding]:
    """What is found where all is there but some packages, whose names have ``_`` for ``-``."""
    given = {name.replace("_", "-"): version for name, version in versions.items()}
    return list(packages.examine_packages(dict.fromkeys(packages.installed(), "99.0") | given))


def bad(findings: list[Finding]) -> list[tuple[str, str, str, bool]]:
    return [
        (finding.name, finding.status, finding.fix, finding.needed) for finding in findings if finding.status != "ok"
    ]


def test_packages_that_are_missing_or_old():
    assert bad(found()) == []
    assert bad(found(onnxruntime=None)) == [("onnxruntime", "fail", "pip install 'onnxruntime>=1.20'", True)]
    assert bad(found(numpy="1.26.4")) == [("numpy", "fail", "pip install 'numpy>=2.0'", True)]
    fix = "pip install 'librosa>=0.11' 'torch>=2.10'"
    assert bad(found(torch=None, librosa=None)) == [("training, missing", "note", fix, False)]
    assert bad(found(torch="2.8.0+cu126")) == [("torch", "fail", "pip install 'torch>=2.10'", False)]
    assert bad(found(uvicorn=None)) == [("web", "note", "pip install 'audio-emotion[web]'", False)]
    assert bad(found(torch="2.10.0+cpu", onnxruntime="from another distribution")) == []


def test_a_python_that_is_not_supported(monkeypatch: pytest.MonkeyPatch):
    assert [finding.status for finding in packages.examine_python()] == ["ok"]
    monkeypatch.setattr(packages, "PYTHON", (3, 99))
    (finding,) = packages.examine_python()
    assert (finding.status, finding.needed) == ("fail", True)
    assert finding.fix == "install with Python 3.99 or later"


def test_all_else_waits_for_missing_packages(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(packages, "installed", lambda: dict.fromkeys([*packages.INFER, *packages.TRAIN], None))
    monkeypatch.setattr(packages, "EXTRAS", {})
    diagnosis = _doctor.examine()
    assert not diagnosis.usable
    assert {finding.group for finding in diagnosis.findings} == {"python", "packages", "self-test"}


def test_devices(monkeypatch: pytest.MonkeyPatch):
    def check(**versions: str | None) -> dict[str, Finding]:
        return {finding.name: finding for finding in machine.examine_devices({"torch": None} | versions)}

    monkeypatch.setattr(backends, "cuda_cards", lambda: 0)
    before = "torch" in sys.modules
    here = check()
    assert "torch was not imported" in here["cuda"].message
    assert here["selected"].message == f"infer uses {backends.choose_device('auto')}"
    assert before or "torch" not in sys.modules

    def refuse(name: str = "auto") -> str:
        if name == "cuda":
            raise DeviceError("none")
        return "cpu"

    monkeypatch.setattr(backends, "cuda_cards", lambda: 2)
    monkeypatch.setattr(backends, "choose_device", refuse)
    card = check(torch="2.13.0+cpu")["cuda"]
    assert (card.status, "torch with CUDA" in card.fix) == ("note", True)
    monkeypatch.setattr(backends, "choose_device", lambda name="auto": "cuda")
    assert check(torch="2.13.0")["cuda"].message == "2 NVIDIA card(s), torch 2.13.0"
    assert check(torch="2.13.0")["selected"].message == "infer uses cuda"


@pytest.mark.parametrize("module", ["soundfile", "av", "soxr"])
def test_a_decoder_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch, module: str):
    assert [finding.status for finding in machine.examine_decoders()] == ["ok"] * 3
    monkeypatch.setitem(sys.modules, module, None)
    (broken,) = [finding for finding in machine.examine_decoders() if finding.status != "ok"]
    assert (broken.status, broken.needed) == ("fail", True)
    assert f"--force-reinstall {module}" in broken.fix


class _Devices:
    def __init__(self, *names: str) -> None:
        self._names = names

    def devices(self) -> Iterator[object]:
        from audio_emotion.inference.live import Device

        return [Device(i, name, 1, 48_000, i == 0) for i, name in enumerate(self._names)]


def test_microphones(monkeypatch: pytest.MonkeyPatch):
    def check() -> Finding:
        (finding,) = machine.examine_microphones()
        return finding

    def without_library() -> None:
        raise DeviceError("needs the PortAudio library", hint="run: apt-get install libportaudio2")

    monkeypatch.setattr(machine, "find_spec", lambda name: None)
    assert check().fix == "pip install 'audio-emotion[live]'"
    monkeypatch.setattr(machine, "find_spec", lambda name: name)
    monkeypatch.setattr("audio_emotion.inference.live.PortAudio", without_library)
    assert (check().status, check().fix) == ("note", "run: apt-get install libportaudio2")
    monkeypatch.setattr("audio_emotion.inference.live.PortAudio", _Devices)
    assert (check().status, check().message) == ("note", "PortAudio finds no input device")
    monkeypatch.setattr("audio_emotion.inference.live.PortAudio", lambda: _Devices("USB", "HDMI"))
    assert (check().status, check().message) == ("ok", "2 input device(s); default: USB")


def test_folders_that_cannot_be_written(home: Path, monkeypatch: pytest.MonkeyPatch):
    assert [finding.status for finding in machine.examine_folders()] == ["ok", "ok"]
    assert not home.exists(), "looking makes nothing"
    home.write_text("a file where a folder should be")
    data, cache = machine.examine_folders()
    assert (data.status, data.needed, cache.status) == ("fail", False, "ok")
    assert "AUDIO_EMOTION_HOME" in data.fix
    monkeypatch.setattr(machine, "_LITTLE_GIB", 1e9)
    assert next(iter(reversed([*machine.examine_folders()]))).status == "note"


def test_models(home: Path):
    def check() -> dict[str, Finding]:
        return {finding.name: finding for finding in models.examine_models()}

    assert [(finding.name, finding.status, finding.needed) for finding in check().values()] == [
        ("default", "ok", True),
        ("open", "ok", False),
    ]
    shutil.copytree(paths.bundled_model_dir(), home / "models" / "mine")
    checkpoint.choose("mine")
    (home / "models" / "notes").mkdir()
    assert {name: finding.status for name, finding in check().items()} == {
        "default": "ok",
        "open": "ok",
        "mine": "ok",
        "others": "note",
    }
    (home / "models" / "mine" / "model.onnx").write_bytes(b"")
    mine = check()["mine"]
    assert (mine.status, mine.needed) == ("fail", True)
    assert "does not match the checksum" in mine.message
    assert mine.fix.endswith("audio-emotion models remove mine")
    checkpoint.choose("default")
    assert not check()["mine"].needed, "infer takes another one"
    paths.chosen_model_file().write_text("gone")
    assert check()["chosen"].fix == "audio-emotion models default default"


def test_the_made_voice_is_heard_as_one(tmp_path: Path):
    models.write_voice(tmp_path / "voice.wav")
    assert load_model(device="cpu").predict(tmp_path / "voice.wav").n_windows == 1


def test_a_self_test_that_cannot_be_passed(monkeypatch: pytest.MonkeyPatch, home: Path):
    paths.chosen_model_file().parent.mkdir()
    paths.chosen_model_file().write_text("gone")
    ((finding,), timings) = models.self_test()
    assert (finding.status, finding.needed, timings) == ("fail", True, {})
    assert "infer exited with 1: audio-emotion: no model 'gone'" in finding.message
    assert finding.fix
    monkeypatch.setattr(models, "_cold", lambda sound: (0.1, {"sad": 1.0, "happy": 0.0}))
    monkeypatch.setattr(models, "_warm", lambda sound: (0.1, {"sad": 0.5, "happy": 0.5}))
    assert "differ: " in models.self_test()[0][0].message
    monkeypatch.setattr(models, "_warm", lambda sound: (0.01, {"sad": 1.0, "happy": 0.0}))
    assert models.self_test()[1] == {"cold": 0.1, "warm": 0.01}
    monkeypatch.setattr(models, "_cold", lambda sound: (60.0, {"sad": 1.0, "happy": 0.0}))
    assert models.self_test()[0][0].status == "note"


def test_a_check_that_fails_stops_no_other(monkeypatch: pytest.MonkeyPatch, home: Path):
    def fail() -> Iterator[Finding]:
        raise RuntimeError("out of\nthe blue")
        yield

    monkeypatch.setattr(machine, "examine_decoders", fail)
    monkeypatch.setattr(machine, "examine_microphones", fail)
    monkeypatch.setattr(models, "self_test", lambda: ([], {}))
    diagnosis = _doctor.examine()
    broken = {finding.group: finding.needed for finding in diagnosis.broken}
    assert broken == {"audio": True, "microphone": False}
    assert "the check failed (RuntimeError: out of the blue)" in diagnosis.broken[0].message
    assert "models" in {finding.group for finding in diagnosis.findings}
    assert all(finding.fix for finding in diagnosis.findings if finding.status != "ok")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    ((broken,),) = (_doctor._looked("self-test", lambda: [__import__("onnxruntime")]),)
    assert broken.fix == "pip install --force-reinstall onnxruntime"


def test_without_a_home_directory_nothing_needed_fails(monkeypatch: pytest.MonkeyPatch):
    def absent() -> Path:
        raise NoHomeError("no home directory", hint="set AUDIO_EMOTION_HOME to a folder")

    monkeypatch.setattr(paths, "home", absent)
    monkeypatch.setattr(paths, "cache_dir", absent)
    fix = "set AUDIO_EMOTION_HOME to a folder"
    assert bad(list(machine.examine_folders())) == [("data", "note", fix, False), ("cache", "note", fix, False)]
    assert [(item.name, item.status) for item in models.examine_models()] == [
        ("default", "ok"),
        ("open", "ok"),
    ]


def test_without_a_folder_for_temporary_files_the_fix_is_no_reinstall(monkeypatch: pytest.MonkeyPatch, home: Path):
    def absent() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._get_default_tempdir", absent)
    fix = "mount a writable /tmp, or set TMPDIR"
    assert ("temporary", "fail", fix, False) in bad(list(machine.examine_folders()))
    findings, timings = models.self_test()
    assert bad(findings) == [("infer", "note", fix, False)]
    assert not timings
