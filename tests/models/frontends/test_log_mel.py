import librosa
import numpy as np
import pytest
import torch

from audio_emotion.audio.windows import pad
from audio_emotion.models.frontends import (
    CoarseLogMel,
    CoarseLogMelConfig,
    LogMelSpectrogram,
    LogMelSpectrogramConfig,
    NarrowLogMel,
    NarrowLogMelConfig,
)
from tests.sounds import voice


@pytest.mark.parametrize(
    ("frontend", "config", "seconds", "shape"),
    [
        (CoarseLogMel, CoarseLogMelConfig(), 4.02, (1, 40, 174)),
        (LogMelSpectrogram, LogMelSpectrogramConfig(), 3.0, (1, 64, 188)),
        (NarrowLogMel, NarrowLogMelConfig(), 3.0, (1, 32, 201)),
    ],
)
def test_the_image_is_librosas(
    frontend: type[LogMelSpectrogram], config: LogMelSpectrogramConfig, seconds: float, shape: tuple[int, int, int]
):
    window = pad(voice(1.3), round(seconds * config.sampling_rate))
    with torch.no_grad():
        image = frontend(config)(torch.from_numpy(window)[None])[0].numpy()
    power = librosa.feature.melspectrogram(
        y=window,
        sr=config.sampling_rate,
        n_fft=config.n_fft,
        hop_length=config.hop,
        n_mels=config.n_mels,
        fmin=config.f_min,
        fmax=config.f_max,
        pad_mode="constant",
    )
    assert image.shape == shape
    np.testing.assert_allclose(image[0], librosa.power_to_db(power, amin=config.amin, top_db=None), atol=0.2)
