"""What ``data check`` says of how recordings were made."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from audio_emotion.corpora.inspection import Inspection, inspect
from audio_emotion.corpora.quality import find_copies, measure, separation
from audio_emotion.corpora.sources import gather, parse_sources
from tests.sounds import RATE, voice


def speech(seconds: float = 1.5, seed: int = 0) -> np.ndarray:
    """Return syllables of a voice with faint noise under them, and 0.2 s of that at both ends."""
    rng = np.random.default_rng(seed)
    sound = voice(seconds, seed=seed, pitch_hz=100.0 + 5 * seed)
    syllables = np.interp(np.arange(len(sound)), np.linspace(0, len(sound), 9), rng.uniform(0, 1, 9) ** 2)
    quiet = np.zeros(RATE // 5)
    made = np.concatenate([quiet, sound * syllables / np.abs(sound).max(), quiet])
    return (0.5 * made + rng.normal(0, 3e-4, len(made))).astype(np.float32)


def quality(samples: np.ndarray, rate: int = RATE):
    return measure(samples, rate, samples if rate == RATE else soxr.resample(samples, rate, RATE))


def write(folder: Path, clips: dict[str, np.ndarray], rate: int = RATE) -> Inspection:
    """Write clips by path below a folder, and inspect it."""
    for name, samples in clips.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / name, samples, rate)
    return inspect(gather(parse_sources([f"folders={folder}"])))


def test_edges_within_speech_are_abrupt():
    whole = quality(speech())
    assert (whole.abrupt_start, whole.abrupt_end) == (False, False)
    middle = int(np.argmax(np.convolve(np.square(speech()), np.ones(800), "same")))
    cut = quality(speech()[:middle])
    assert (cut.abrupt_start, cut.abrupt_end) == (False, True)
    assert quality(speech()[middle:]).abrupt_start
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    assert not quality(noise).abrupt_end, "noise is loud everywhere and not cut"
    assert not quality(np.zeros(RATE, np.float32)).abrupt_end


def test_padding_with_zeros():
    assert quality(speech()).padding_s == 0
    assert quality(np.pad(speech(), (1600, 8000))).padding_s == pytest.approx(0.6)
    assert quality(np.pad(speech(), (100, 0))).padding_s == 0
    assert quality(np.zeros(RATE, np.float32)).padding_s == 0


@pytest.mark.parametrize(("hidden", "rate"), [(8000, 16_000), (8000, 48_000), (11_025, 44_100), (16_000, 44_100)])
def test_a_lower_rate_is_found_in_a_higher_one(hidden: int, rate: int):
    wide = np.random.default_rng(1).normal(0, 0.02, 2 * rate).astype(np.float32)
    narrow = soxr.resample(soxr.resample(wide, rate, hidden), hidden, rate)
    assert quality(wide, rate).hidden_rate is None
    assert quality(narrow, rate).hidden_rate == hidden


def copies_of(take: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "quieter": 0.1 * take,
        "padded": np.pad(take, (2000, 5000)),
        "telephone": soxr.resample(soxr.resample(take, RATE, 8000), 8000, RATE),
        "8 bits": np.round(take * 127) / 127,
        "inverted": -take,
    }


@pytest.mark.parametrize("kind", list(copies_of(speech())))
def test_copies_of_one_take_are_found(kind: str):
    takes = [speech(seed=seed) for seed in range(8)]
    takes.append(copies_of(takes[3])[kind].astype(np.float32))
    assert find_copies([quality(take).envelope for take in takes]) == [(3, 8)]


def test_different_takes_are_not_copies_and_silence_is_none():
    takes = [speech(seed=seed) for seed in range(12)]
    envelopes = [quality(take).envelope for take in [*takes, np.zeros(RATE, np.float32), np.zeros(0, np.float32)]]
    assert find_copies(envelopes) == []
    assert find_copies([]) == find_copies(envelopes[-2:]) == []


def test_a_copy_in_another_codec_is_listed(tmp_path: Path):
    soundfile.write(tmp_path / "take.wav", speech(seed=1), RATE)
    (tmp_path / "k/sad/ben").mkdir(parents=True)
    soundfile.write(tmp_path / "k/sad/ben/1.mp3", 0.5 * speech(seed=1), RATE)
    found = write(tmp_path / "k", {"happy/ann/1.wav": speech(seed=1), "happy/ann/2.wav": speech(seed=2)})
    assert [[path.name for path in group] for group in found.copies] == [["1.wav", "1.mp3"]]
    assert "Copies at another level, rate or codec: 1" in found.text()
    assert not found.duplicates


def test_a_corpus_that_was_cut_to_one_length(tmp_path: Path):
    clips = {f"{label}/ann/{i}.wav": speech(seed=i)[:20_000] for i in range(6) for label in ("sad", "happy")}
    found = write(tmp_path / "k", clips)
    assert found.uniform_length == (12, 1.25)
    assert "Uniform length: 12 of 12 last exactly 1.25 s" in found.text()
    assert found.as_dict()["uniform length"] == {"files": 12, "seconds": 1.25}
    clips = {f"sad/ann/{i}.wav": speech(1 + 0.01 * i, seed=i) for i in range(12)}
    assert write(tmp_path / "m", clips).uniform_length is None


def test_a_label_that_its_level_gives_away(tmp_path: Path):
    clips = {f"{label}/ann/{i}.wav": gain * speech(seed=i + n) for i in range(10)
             for label, gain, n in (("sad", 0.02, 0), ("happy", 0.8, 20), ("calm", 0.5, 40))}  # fmt: skip
    found = write(tmp_path / "k", clips)
    assert [finding.split(":")[0] for finding in found.recognizable if "by its level" in finding] == [
        "sad by its level"
    ]
    assert not write(tmp_path / "m", {n: s / np.abs(s).max() for n, s in clips.items()}).recognizable


def test_a_label_with_a_microphone_of_its_own(tmp_path: Path):
    clips = {f"happy/ann/{i}.wav": speech(seed=i) for i in range(10)}
    write(tmp_path / "k", clips)
    found = write(
        tmp_path / "k", {f"sad/ann/{i}.wav": soxr.resample(speech(seed=20 + i), RATE, 8000) for i in range(10)}, 8000
    )
    assert "sad by its sampling rate: 8000 Hz, the others 16000 Hz" in found.recognizable


def test_separation_is_the_area_under_the_curve():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 5, 40).astype(np.float32)  # with many equal ones
    is_label = rng.random(40) < 0.4
    pairs = [(a > b) + 0.5 * (a == b) for a in values[is_label] for b in values[~is_label]]
    area = float(np.mean(pairs))
    assert separation(values, is_label) == pytest.approx(max(area, 1 - area))
    assert separation(is_label.astype(np.float32), is_label) == 1
