"""Diarization on synthetic voices: what is speech, how turns are cut, and what the encoder is given."""

from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from audio_emotion.audio.segments import Segment
from audio_emotion.core.errors import AudioError, UsageError
from audio_emotion.inference import speakers
from tests.sounds import RATE, voice


def two_voices(n_turns: int = 6) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Return turns of 3 s by two synthetic voices an octave apart, with pauses of 1 s."""
    pieces, times, at = [np.zeros(RATE)], [], 1.0
    for turn in range(n_turns):
        pieces += [voice(3.0, seed=turn % 2, pitch_hz=110.0 if turn % 2 else 230.0), np.zeros(RATE)]
        times.append((at, at + 3.0))
        at += 4.0
    sound = np.concatenate(pieces).astype(np.float32)
    return sound + np.random.default_rng(0).normal(0, 1e-4, len(sound)).astype(np.float32), times


def test_the_mel_frames_are_librosas():
    sound = voice(2.0).astype(np.float32)
    mel, levels = speakers._features([sound[:5_000], sound[5_000:]])  # blocks of any length
    expected = librosa.feature.melspectrogram(y=sound, sr=RATE, n_fft=400, hop_length=160, n_mels=40).T
    n = len(mel)
    assert len(levels) == n
    assert len(expected) - n in (0, 1, 2)
    gain = mel.sum() / expected[:n].sum()
    np.testing.assert_allclose(mel[2:] / gain, expected[2:n], atol=1e-5 * expected.max())


def test_speech_regions_bridge_short_pauses_and_drop_clicks():
    quiet, loud = [-70.0], [-20.0]
    levels = np.array(
        quiet * 50 + loud * 100 + quiet * 10 + loud * 100 + quiet * 100 + loud * 5 + quiet * 50, np.float32
    )
    assert speakers.speech_regions(levels) == [(50, 260)]
    assert speakers.speech_regions(np.full(200, -90.0, np.float32)) == []
    assert speakers.speech_regions(np.empty(0, np.float32)) == []


def test_long_speech_is_cut_into_equal_pieces_and_turns_are_joined():
    assert speakers._pieces([(0, 100), (200, 1000)]) == [(0, 100), (200, 600), (600, 1000)]
    pieces = [(0, 100), (150, 300), (500, 600), (610, 700)]
    # the second pause is longer than a second; the last piece is of another voice
    assert speakers._turns(pieces, np.array([7, 7, 7, 3])) == [(0, 300, 0), (500, 600, 0), (610, 700, 1)]


def test_two_voices_are_told_apart():
    sound, times = two_voices()
    segments = speakers.diarize(sound, RATE, n_speakers=2)
    assert [segment.speaker for segment in segments] == ["speaker 1", "speaker 2"] * 3
    for segment, (start, end) in zip(segments, times, strict=True):
        assert abs(segment.start - start) < 0.3
        assert abs(segment.end - end) < 0.3


def test_one_speaker_can_be_given():
    sound, _ = two_voices()
    assert {segment.speaker for segment in speakers.diarize(sound, RATE, n_speakers=1)} == {"speaker 1"}


def made_embeddings(n_speakers: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return 15 embeddings of each speaker, whose means vary 9 times as much; their speakers, and the variance."""
    variance = np.full(20, 9.0, np.float32)
    owners = np.repeat(np.arange(n_speakers), 15)
    means = rng.normal(0, 3.0, (n_speakers, 20))
    return (means[owners] + rng.normal(0, 1.0, (len(owners), 20))).astype(np.float32), owners, variance


@pytest.mark.parametrize("n_speakers", [1, 2, 3, 5])
def test_the_number_of_speakers_is_estimated(n_speakers: int):
    rows, owners, variance = made_embeddings(n_speakers, np.random.default_rng(n_speakers))
    for n in (None, n_speakers):
        labels = speakers.cluster(rows, np.full(len(rows), 3.0), variance, n)
        assert len(set(labels.tolist())) == n_speakers
        assert len(set(zip(labels.tolist(), owners.tolist(), strict=True))) == n_speakers


def test_short_pieces_go_to_the_nearest_cluster():
    rows, _, variance = made_embeddings(2, np.random.default_rng(0))
    rows = np.concatenate([rows, rows[:1] * 1.2, rows[-1:] * 1.2])
    labels = speakers.cluster(rows, np.array([3.0] * 30 + [0.3] * 2), variance, 2)
    assert (labels[30], labels[31]) == (labels[0], labels[29])


@pytest.mark.parametrize("n_pieces", [1, 2, 3])
def test_few_or_equal_pieces_are_clustered_too(n_pieces: int):
    same = np.ones((n_pieces, 4), np.float32)
    for n in (None, 1, 5):
        labels = speakers.cluster(same, np.full(n_pieces, 0.3), np.ones(4, np.float32), n)
        assert len(labels) == n_pieces
        assert len(set(labels.tolist())) == 1


def test_windows_cover_a_piece_evenly_at_one_level():
    rng = np.random.default_rng(0)
    mel, levels = speakers._features([rng.normal(0, 0.01, 6 * RATE).astype(np.float32)])
    windows = list(speakers._windows(mel, levels, 100, 400))
    assert len(windows) == 3
    gain = windows[0][0] / mel[100]
    for window, start in zip(windows, (100, 170, 240), strict=True):
        np.testing.assert_allclose(window, mel[start : start + 160] * gain, rtol=1e-4)
    louder = list(speakers._windows(mel * 100, levels + 20, 100, 400))
    np.testing.assert_allclose(louder[0], windows[0], rtol=1e-4)
    (short,) = speakers._windows(mel, levels, 0, 50)
    np.testing.assert_allclose(short[:50], short[50:100])


def test_silence_has_no_speakers():
    assert speakers.diarize(np.zeros(3 * RATE, np.float32), RATE) == []


def test_bad_input_is_one_line():
    with pytest.raises(UsageError, match="number of speakers is 99, expected 1 to 20"):
        speakers.diarize(np.zeros(RATE), RATE, n_speakers=99)
    with pytest.raises(AudioError, match="no such file"):
        speakers.diarize("absent.wav")
    with pytest.raises(TypeError, match="needs its sampling_rate"):
        speakers.diarize(np.zeros(RATE))


def test_the_command_line_predicts_each_turn(cli: Callable, tmp_path: Path):
    sound, _ = two_voices(4)
    soundfile.write(tmp_path / "call.wav", sound, RATE)
    result = cli("infer", "call.wav", "--speakers", "2", "--format", "csv", "-q")
    assert result.returncode == 0, result.stderr
    header, *rows = [line.split(",") for line in result.stdout.splitlines()]
    assert [row[header.index("speaker")] for row in rows] == ["speaker 1", "speaker 2"] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--speakers", "two"], "--speakers is 'two', expected auto or the number of speakers"),
        (["--speakers", "0"], "--speakers is '0', expected auto or the number of speakers"),
        (["--speakers", "auto", "--timeline"], "--timeline cannot be used with --speakers"),
        (["--speakers", "auto", "--start", "1"], "--start or --end cannot be used with --speakers"),
    ],
)
def test_the_command_line_refuses(cli: Callable, tmp_path: Path, arguments: list[str], message: str):
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE), RATE)
    result = cli("infer", "a.wav", *arguments)
    assert result.returncode == 2
    assert message in result.stderr


def test_a_silent_recording_says_so_and_others_go_on(cli: Callable, tmp_path: Path):
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    soundfile.write(tmp_path / "call.wav", two_voices(2)[0], RATE)
    result = cli("infer", "silent.wav", "call.wav", "--speakers", "auto", "--format", "jsonl")
    assert result.returncode == 3
    assert "silent.wav: no speech found" in result.stderr
    assert result.stdout.count("\n") >= 1


def test_segments_are_those_of_transcripts():
    sound, _ = two_voices(2)
    assert all(isinstance(segment, Segment) and not segment.text for segment in speakers.diarize(sound, RATE))
