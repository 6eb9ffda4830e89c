from pathlib import Path

import librosa
import numpy as np
import pytest
import torch

from audio_emotion import audio
from audio_emotion.audio.windows import windows_of
from audio_emotion.models.frontends import MelMfcc, MelMfccConfig
from tests.sounds import RATE, voice

CONFIG = MelMfccConfig()


def librosa_features(window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    power = librosa.feature.melspectrogram(
        y=window,
        sr=CONFIG.sampling_rate,
        n_fft=CONFIG.n_fft,
        hop_length=CONFIG.hop,
        n_mels=CONFIG.n_mels,
        fmin=CONFIG.f_min,
        fmax=CONFIG.f_max,
        pad_mode="constant",
    )
    log_mel = librosa.power_to_db(power, ref=1.0, amin=CONFIG.amin, top_db=None)
    return log_mel, librosa.feature.mfcc(S=log_mel, n_mfcc=CONFIG.n_mels)


def assert_like_librosa(window: np.ndarray) -> None:
    with torch.no_grad():
        log_mel, mfcc = MelMfcc(CONFIG)(torch.from_numpy(window)[None])[0].numpy()
    expected_mel, expected_mfcc = librosa_features(window)
    np.testing.assert_allclose(log_mel, expected_mel, atol=0.2)
    np.testing.assert_allclose(mfcc, expected_mfcc, atol=0.05)


def test_both_channels_are_librosas_on_a_padded_voice():
    assert_like_librosa(windows_of(voice(1.3), 3 * RATE)[0])


@pytest.mark.realdata
def test_both_channels_are_librosas_on_real_clips(recordings: Path):
    clips = sorted((recordings / "ravdess-speech").rglob("*.flac"))[::100]
    assert len(clips) >= 10
    for clip in clips:
        assert_like_librosa(windows_of(audio.load(clip, RATE).samples, 3 * RATE)[0])


def test_both_channels_have_one_size():
    features = MelMfcc(CONFIG)(torch.zeros(3, 48_000))
    assert features.shape == (3, 2, CONFIG.n_mels, 1 + 48_000 // CONFIG.hop)
    assert torch.isfinite(features).all()
