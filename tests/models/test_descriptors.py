"""librosa, called as its users call it, defines the values."""

from dataclasses import replace
from pathlib import Path

import librosa
import numpy as np
import pytest
from librosa import feature

from audio_emotion import audio
from audio_emotion.audio.windows import pad, windows_of
from audio_emotion.core.errors import ModelError
from audio_emotion.export.weights import write_weights
from audio_emotion.inference.loading import load_model
from audio_emotion.models import build, checkpoint
from audio_emotion.models.checkpoint import ModelConfig
from audio_emotion.models.descriptors import (
    FrameDescriptorsConfig,
    ShortMfccConfig,
    frame_descriptors,
    maker,
    short_mfcc,
)
from tests.sounds import voice

LONG, SHORT = FrameDescriptorsConfig(), ShortMfccConfig()


def librosa_frames(sound: np.ndarray) -> np.ndarray:
    rate = LONG.sampling_rate
    mfcc = feature.mfcc(y=sound, sr=rate, n_mfcc=13)
    chroma = feature.chroma_stft(y=sound, sr=rate, tuning=0.0)
    return np.concatenate(
        [
            mfcc,
            feature.delta(mfcc),
            feature.delta(mfcc, order=2),
            chroma,
            feature.spectral_contrast(y=sound, sr=rate),
            feature.tonnetz(chroma=chroma),
            feature.zero_crossing_rate(sound),
            feature.rms(y=sound),
            feature.spectral_rolloff(y=sound, sr=rate),
            feature.spectral_centroid(y=sound, sr=rate),
        ]
    )


def librosa_short(sound: np.ndarray) -> np.ndarray:
    mfcc = feature.mfcc(y=sound, sr=SHORT.sampling_rate, n_mfcc=20)
    return np.concatenate([feature.zero_crossing_rate(sound), feature.rms(y=sound), mfcc])


def assert_librosas(sound: np.ndarray, made: np.ndarray, expected: np.ndarray) -> None:
    n_frames = expected.shape[1]
    np.testing.assert_allclose(made[0, 0, :, :n_frames], expected, rtol=1e-4, atol=2e-3)
    assert not made[0, 0, :, n_frames:].any()


def test_values_are_librosas_wherever_the_sound_stands_in_its_window():
    sound = voice(1.3, LONG.sampling_rate)
    sound = sound[np.flatnonzero(sound)[0] :]
    made = frame_descriptors(pad(sound, 20 * LONG.sampling_rate)[None], LONG)
    assert made.shape == (1, 1, 68, 862)
    assert_librosas(sound, made, librosa_frames(sound))
    sound = voice(1.3, SHORT.sampling_rate)
    made = short_mfcc(pad(sound, round(2.5 * SHORT.sampling_rate))[None], SHORT)
    assert made.shape == (1, 1, 22, 40)
    assert_librosas(sound, made, librosa_short(sound))


@pytest.mark.realdata
def test_values_are_librosas_on_real_clips(recordings: Path):
    clips = sorted((recordings / "ravdess-speech").rglob("*.flac"))[::240]
    assert len(clips) >= 5
    for clip in clips:
        for config, seconds, make, expect in (
            (LONG, 20.0, frame_descriptors, librosa_frames),
            (SHORT, 2.5, short_mfcc, librosa_short),
        ):
            window = windows_of(audio.load(clip, config.sampling_rate).samples, round(seconds * config.sampling_rate))
            heard = np.flatnonzero(window[0])
            sound = window[0, heard[0] : heard[-1] + 1]
            assert_librosas(sound, make(window[:1], config), expect(sound))


@pytest.mark.filterwarnings("error")
def test_silence_is_padding_and_a_blip_is_not():
    for make, config in ((frame_descriptors, LONG), (short_mfcc, SHORT)):
        windows = np.zeros((2, 20_062), np.float32)
        windows[1, 5000:5100] = 0.1
        made = make(windows, config)
        assert np.isfinite(made).all()
        assert not made[0].any()
        assert made[1].any()


def test_a_full_window_fills_every_frame():
    window = voice(2.5, SHORT.sampling_rate)[: round(2.5 * SHORT.sampling_rate)] + np.float32(1e-4)
    assert short_mfcc(window[None], SHORT).any(axis=2).all()


def test_an_unknown_frontend_or_parameter_is_one_clear_error():
    with pytest.raises(ModelError, match="'MelMfcc', only FrameDescriptors, ShortMfcc"):
        maker("MelMfcc", {})
    with pytest.raises(ModelError, match="n_bands"):
        maker("ShortMfcc", {"n_bands": 3})


def test_librosa_agrees_that_twenty_seconds_are_862_frames():
    assert librosa.time_to_frames(20.0, sr=LONG.sampling_rate, hop_length=LONG.hop) + 1 == 862


def test_a_stored_model_answers_alike_on_both_backends(tmp_path: Path):
    folder = tmp_path / "model"
    folder.mkdir()
    model = build("cnn-1d", 2, {"channels": [8, 8], "hidden": 16})
    window = round(2.5 * SHORT.sampling_rate)
    write_weights(model, folder, window)
    described = ModelConfig(
        "short",
        "cnn-1d",
        model.sizes,
        model.frontend_config,
        ("sad", "happy"),
        SHORT.sampling_rate,
        window,
        1.0,
        "0",
        "features",
    )
    checkpoint.write(folder, described, "")
    sound = voice(1.5)
    graph, module = (load_model(str(folder), "cpu", backend).predict(sound, 16_000) for backend in ("onnx", "torch"))
    assert graph.scores["sad"] == pytest.approx(module.scores["sad"], abs=1e-4)
    checkpoint.write(folder, replace(described, window_samples=window // 2), "")
    with pytest.raises(ModelError, match=r"shape \(1, 22, 20\).*\(1, 22, 40\)"):
        load_model(str(folder), "cpu", "onnx")
