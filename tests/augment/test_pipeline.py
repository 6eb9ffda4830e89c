from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from audio_emotion.augment import DEFAULT
from audio_emotion.augment.pipeline import Sounds
from audio_emotion.augment.recipe import WAVEFORM
from tests.sounds import RATE, voice

WINDOW = 16_000
ALL = {name: {} for name in WAVEFORM if name != "background"}


def make(seed: int = 0, augment: dict | None = None, ids: list[str] | None = None) -> Sounds:
    clips = [
        voice(0.5 + 0.3 * i, seed=i, pitch_hz=100 + 20 * i) for i in range(5)
    ]  # 0.5 to 1.7 s: below and above the window
    return Sounds(clips, RATE, WINDOW, seed, augment, ids)


@pytest.mark.parametrize("table", [None, ALL], ids=["default", "all"])
def test_a_sound_depends_on_seed_id_and_epoch_alone(table: dict | None):
    first, second = make(augment=table), make(augment=table)
    forwards = [first.sound(epoch=2, index=i) for i in range(5)]
    backwards = [second.sound(epoch=2, index=i) for i in reversed(range(5))][::-1]
    np.testing.assert_array_equal(forwards, backwards)
    assert all(sound.shape == (WINDOW,) and sound.dtype == np.float32 for sound in forwards)
    assert not np.array_equal(forwards[0], first.sound(epoch=3, index=0))
    assert not np.array_equal(forwards[0], make(seed=1, augment=table).sound(epoch=2, index=0))


def test_processes_of_a_pool_hear_the_same():
    table = {**ALL, "versions": 2}
    here = make(augment=table)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        there = list(pool.map(make(augment=table).sound, [3] * 5, reversed(range(5))))[::-1]
    np.testing.assert_array_equal(there, [here.sound(3, i) for i in range(5)])


def test_a_digest_names_an_utterance_wherever_it_stands():
    samples = [voice(0.5, seed=i) for i in range(3)]
    names = ["aa", "bb", "cc"]
    first = Sounds(samples, RATE, WINDOW, 0, ALL, names)
    second = Sounds(samples[::-1], RATE, WINDOW, 0, ALL, names[::-1])
    for i in range(3):
        np.testing.assert_array_equal(first.sound(1, i), second.sound(1, 2 - i))


def test_one_transform_less_leaves_the_other_draws():
    everything = make(augment=ALL).draws(4, 1)
    without = make(augment={name: {} for name in ALL if name != "noise"}).draws(4, 1)
    assert without == [draw for draw in everything if draw[0] != "noise"]


def test_what_is_drawn_has_its_share_and_comes_in_the_fixed_order():
    shares = dict(zip(ALL, np.linspace(0, 1, len(ALL)), strict=True))
    backwards = {name: {"share": float(share)} for name, share in reversed(shares.items())}
    sounds = make(augment=backwards)
    drawn = [[name for name, _ in sounds.draws(epoch, 0)] for epoch in range(400)]
    assert all(names == [name for name in WAVEFORM if name in names] for names in drawn)
    counts = Counter(name for names in drawn for name in names)
    for name, share in shares.items():
        assert counts[name] / 400 == pytest.approx(share, abs=0.09), name


@pytest.mark.parametrize("versions", [0, 2])
def test_a_sound_is_what_was_drawn_for_it_put_in_the_middle_and_shifted(versions: int):
    names = ("time_shift", "gain", "noise", "time_stretch", "pitch_shift")
    sounds = make(augment={"versions": versions} | {name: {"share": 1.0} for name in names})
    draws = sounds.draws(2, 0)
    assert [name for name, _ in draws] == ["pitch_shift", "time_stretch", "noise", "gain", "time_shift"]
    samples = voice(0.5, seed=0, pitch_hz=100)
    for name, drawn in draws[:-1]:
        samples = WAVEFORM[name]().apply(samples, RATE, drawn)
    before = (WINDOW - len(samples)) // 2
    placed = np.pad(samples, (before, WINDOW - len(samples) - before))
    expected = WAVEFORM["time_shift"]().apply(placed, RATE, draws[-1][1])
    np.testing.assert_array_equal(sounds.sound(2, 0), expected)


def test_versions_are_so_many_for_each_utterance():
    table = {"versions": 3, "pitch_shift": {"share": 1.0}, "time_stretch": {"share": 1.0}, "gain": {"share": 1.0}}
    sounds = make(augment=table)
    draws = [dict(sounds.draws(epoch, 0)) for epoch in range(60)]
    assert len({(draw["pitch_shift"], draw["time_stretch"]) for draw in draws}) == 3, "a version is both together"
    assert len({draw["gain"] for draw in draws}) == 60
    others = {sounds.draws(epoch, 1)[0][1] for epoch in range(60)}
    assert not others & {draw["pitch_shift"] for draw in draws}
    for epoch in range(12):
        sounds.sound(epoch, 0)
    assert len(sounds._renderings) <= 3
    table["versions"] = 0
    sounds = make(augment=table)
    assert len({sounds.draws(epoch, 0)[0][1] for epoch in range(60)}) == 60


def test_the_default_is_the_bundled_models_recipe():
    sounds, stated = make(), make(augment=dict(DEFAULT))
    assert sounds.draws(3, 0) == stated.draws(3, 0)
    counts = Counter(name for epoch in range(400) for name, _ in sounds.draws(epoch, 0))
    assert counts["speed"] == counts["time_shift"] == 400
    assert counts["noise"] / 400 == pytest.approx(0.5, abs=0.08)
    assert counts["pitch_shift"] / 400 == pytest.approx(0.25, abs=0.08)
    assert set(counts) == {"speed", "time_shift", "noise", "pitch_shift"}
