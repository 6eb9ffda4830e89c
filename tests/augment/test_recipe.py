import doctest
import re
import subprocess
import sys
import tomllib
from dataclasses import MISSING, fields

import numpy as np
import pytest

from audio_emotion.augment import DEFAULT, problems
from audio_emotion.augment.pipeline import Sounds
from audio_emotion.augment.recipe import FEATURES, WAVEFORM
from audio_emotion.core.errors import UsageError
from tests.conftest import ROOT
from tests.sounds import RATE, voice


def test_the_default_table_and_an_empty_one_are_good():
    assert problems(DEFAULT) == []
    assert problems({}) == []
    assert problems({name: {} for name in {**WAVEFORM, **FEATURES} if name != "background"}) == []


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("[reverb]", "augment.reverb is unknown; did you mean reverberation?"),
        ("noise = 3", "augment.noise is 3, expected a table of its parameters"),
        ("[noise]\nmin_snr = 3", "augment.noise.min_snr is unknown; did you mean min_snr_db?"),
        ("[noise]\nshare = 1.5", "augment.noise.share is 1.5, expected a number from 0 to 1"),
        ("[noise]\nshare = true", "augment.noise.share is True, expected a number from 0 to 1"),
        ("[gain]\nmax_db = nan", "augment.gain.max_db is nan, expected a number from 0 to 60 dB"),
        (
            "[speed]\nslowest = 1.2",
            "augment.speed.slowest is 1.2, above fastest, 1.1; set both, the smaller one first",
        ),
        ("[codec]\nkinds = ['mp4']", "augment.codec.kinds is ['mp4'], expected some of mp3, opus, mu-law"),
        ("[codec]\nkinds = []", "augment.codec.kinds is [], expected some of mp3, opus, mu-law"),
        ("[pitch_shift]\nmethod = 1", "augment.pitch_shift.method is 1, expected one of overlap-add, phase-vocoder"),
        ("[spec_augment]\nmax_bins = 1.5", "augment.spec_augment.max_bins is 1.5, expected a whole number from 0 "),
        ("[mixup]\nshare = 1", "augment.mixup.share is unknown; known are alpha"),
        ("[background]", "augment.background.folder is missing"),
        ("[background]\nfolder = 3", "augment.background.folder is 3, expected the name of a folder"),
        ("[background]\nfolder = '/nowhere/at all'", "augment.background.folder: /nowhere/at all: expected a folder"),
        ("versions = -1", "augment.versions is -1, expected a whole number from 0 to 1000"),
        ("repeat_after = 2.5", "augment.repeat_after is 2.5, expected a whole number from 0 to 1000"),
        ("version = 1", "augment.version is unknown; did you mean versions?"),
    ],
)
def test_a_problem_says_what_was_got_and_what_was_expected(table: str, expected: str):
    (found,) = problems(tomllib.loads(table))
    assert found.startswith(expected)


def test_every_problem_is_reported_at_once():
    with pytest.raises(
        UsageError, match=r"augment\.nois is unknown; .*; augment\.gain\.max_db is 99, .*; augment\.mixup is None,"
    ):
        Sounds([voice(0.5)], RATE, RATE, 0, {"nois": {}, "gain": {"max_db": 99}, "mixup": None})


def test_every_parameter_has_a_default_in_its_range():
    for name, kind in {**WAVEFORM, **FEATURES}.items():
        settings = {one.name: one.default for one in fields(kind) if one.default is not MISSING}
        found = problems({name: settings})
        assert found == (["augment.background.folder is missing"] if name == "background" else [])


def test_the_table_of_the_documentation_is_the_codes():
    text = (ROOT / "docs" / "augmentation.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|", text, flags=re.MULTILINE)
    assert [name for name, _ in rows] == [*WAVEFORM, *FEATURES]
    for name, told in rows:
        stated = re.findall(r"`(\w+)` ([^ ,;]+)", told)
        kind = {**WAVEFORM, **FEATURES}[name]
        assert [field for field, _ in stated] == [one.name for one in fields(kind)]
        for (_, shown), one in zip(stated, fields(kind), strict=True):
            if isinstance(one.default, int | float):
                assert float(shown) == one.default, (name, one.name)
            elif isinstance(one.default, str):
                assert shown == one.default


def test_the_example_of_the_documentation_runs():
    failed, tried = doctest.testfile(str(ROOT / "docs" / "augmentation.md"), module_relative=False)
    assert tried
    assert not failed


def test_a_table_is_checked_without_loading_anything_heavy():
    code = (
        "import sys\nfrom audio_emotion.augment import DEFAULT, problems\nassert not problems(DEFAULT)\n"
        "sys.exit(bool({'torch', 'librosa', 'scipy', 'av', 'soxr', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


def test_nothing_in_a_table_leaves_an_utterance_as_it_is():
    samples = voice(0.5)
    heard = Sounds([samples], RATE, RATE, 0, {}).sound(1, 0)
    before = (RATE - len(samples)) // 2
    np.testing.assert_array_equal(heard[before : before + len(samples)], samples)
    assert not heard[:before].any()
    assert not heard[before + len(samples) :].any()
