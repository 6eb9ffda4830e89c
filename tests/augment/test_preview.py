from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from audio_emotion.augment.recipe import WAVEFORM
from audio_emotion.cli import app
from tests.sounds import RATE, voice


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "clip.wav", voice(1.0), RATE, subtype="FLOAT")
    return tmp_path / "clip.wav"


def run(*arguments: object):
    return CliRunner().invoke(app, ["augment", "preview", *map(str, arguments)])


def test_each_transform_is_written_and_told(clip: Path, tmp_path: Path):
    out = tmp_path / "out"
    result = run(clip, out, "--background", clip.parent)
    assert result.exit_code == 0, result.output
    told = dict(line.split("\t") for line in result.stdout.splitlines())
    assert sorted(map(Path, told)) == sorted(out.iterdir())
    names = [Path(path).name for path in told]
    assert names[0] == "clean.wav"
    np.testing.assert_array_equal(soundfile.read(out / "clean.wav", dtype="float32")[0], voice(1.0))
    for name in WAVEFORM:
        (path,) = out.glob(f"{name}_*.wav")
        samples, rate = soundfile.read(path, dtype="float32")
        assert rate == RATE
        assert len(samples) > 0.8 * RATE
    assert names[-2:] == ["vtlp.png", "spec_augment.png"]
    assert (out / "vtlp.png").read_bytes().startswith(b"\x89PNG")


def test_a_seed_and_names_choose(clip: Path, tmp_path: Path):
    seeds = {"a": 1, "b": 1, "c": 2}
    results = [run(clip, tmp_path / name, "--only", "gain", "--seed", seed) for name, seed in seeds.items()]
    files = [sorted(path.name for path in (tmp_path / name).iterdir()) for name in seeds]
    assert all(result.exit_code == 0 for result in results)
    assert files[0] == files[1] != files[2]
    assert [name.split("_")[0] for name in files[0]] == ["clean.wav", "gain"]


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (("{clip}", "{out}", "--only", "gian"), 2, "gian: no transform that can be previewed; did you mean gain?"),
        (("{clip}", "{out}", "--only", "background"), 2, "name a folder"),
        (("{clip}", "{out}", "--background", "{out}"), 2, "expected a folder of recordings"),
        (("nothing.wav", "{out}"), 1, "nothing.wav: no such file"),
        (("{clip}", "{clip}"), 1, "cannot write"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    arguments: tuple[str, ...], code: int, expected: str, clip: Path, tmp_path: Path
):
    result = run(*(word.format(clip=clip, out=tmp_path / "out") for word in arguments))
    assert result.exit_code == code
    assert expected in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == [clip]
