"""Waveform → features, (batch, n_samples) → (batch, channels, bins, frames): one frontend a file.

Frontends are torch modules: batched, on any device, exportable as one graph with the network, but for those that
librosa makes.
"""

from audio_emotion.models.descriptors import FrameDescriptorsConfig, ShortMfccConfig
from audio_emotion.models.frontends.librosa_features import FrameDescriptors, ShortMfcc
from audio_emotion.models.frontends.log_mel import (
    CoarseLogMel,
    CoarseLogMelConfig,
    LogMelSpectrogram,
    LogMelSpectrogramConfig,
    NarrowLogMel,
    NarrowLogMelConfig,
)
from audio_emotion.models.frontends.mel_mfcc import MelMfcc, MelMfccConfig
from audio_emotion.models.frontends.waveform import RawSound, RawSoundConfig
from audio_emotion.models.frontends.whisper_tiny import WhisperTiny, WhisperTinyConfig

__all__ = [
    "CoarseLogMel",
    "CoarseLogMelConfig",
    "FrameDescriptors",
    "FrameDescriptorsConfig",
    "LogMelSpectrogram",
    "LogMelSpectrogramConfig",
    "MelMfcc",
    "MelMfccConfig",
    "NarrowLogMel",
    "NarrowLogMelConfig",
    "RawSound",
    "RawSoundConfig",
    "ShortMfcc",
    "ShortMfccConfig",
    "WhisperTiny",
    "WhisperTinyConfig",
]
