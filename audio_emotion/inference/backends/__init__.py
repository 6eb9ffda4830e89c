"""Backends that run a model, behind one protocol. Choosing a device only imports torch if there may be one."""

import ctypes
import os
import platform
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from audio_emotion.core.errors import DeviceError, UsageError
from audio_emotion.core.types import FloatArray

DEVICES = ("auto", "cpu", "cuda", "mps")


class Outputs(NamedTuple):
    """What a model computes for a batch of windows.

    Attributes:
        logits: (batch, n_labels).
        pooled: the vectors that adaptation shifts, before any shift, (batch, n_pooled); None: the model has none.
        speech: logits that a window contains speech, (batch,); None: the model does not decide it.
    """

    logits: FloatArray
    pooled: FloatArray | None = None
    speech: FloatArray | None = None


def concatenate(parts: Sequence[Outputs]) -> Outputs:
    """Return the outputs of all parts as those of one batch."""
    if len(parts) == 1:
        return parts[0]
    return Outputs._make(None if arrays[0] is None else np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def speech_mask(outputs: Outputs, threshold: float | None) -> npt.NDArray[np.bool_]:
    """Return which windows contain speech according to the network, (batch,); all if it does not decide that.

    ``threshold`` is the least probability of speech, 0 to 1; None accepts every window.
    """
    if outputs.speech is None or threshold is None:
        return np.ones(len(outputs.logits), bool)
    return np.asarray(1 / (1 + np.exp(-outputs.speech)) >= threshold)


def mark_no_speech(outputs: Outputs, threshold: float | None) -> FloatArray:
    """Return the logits, (batch, n_labels), with NaN as the row of a window without speech; see :func:`speech_mask`."""
    return np.where(speech_mask(outputs, threshold)[:, None], outputs.logits, np.float32(np.nan))


class Runtime(Protocol):
    """A loaded model on a device."""

    device: str

    def logits(self, windows: FloatArray) -> FloatArray:
        """Return logits (batch, n_labels) of windows (batch, window_samples)."""
        ...


@runtime_checkable
class OutputsRuntime(Runtime, Protocol):
    """A loaded model that also gives the outputs next to the logits."""

    def outputs(self, windows: FloatArray, shift: FloatArray | None = None, threads: int | None = None) -> Outputs:
        """Return all that the model computes for windows (batch, window_samples).

        Args:
            windows: (batch, window_samples).
            shift: added to the pooled vectors, (n_pooled,) or (batch, n_pooled); None: the model's own, if any.
            threads: how many share the windows on a CPU; 1: the caller's alone, which suits one of several callers that
                keep every core busy; None: as many as there are cores.
        """
        ...


@runtime_checkable
class FullRuntime(OutputsRuntime, Protocol):
    """A loaded model that can be adapted."""

    def with_shift(self, shift: FloatArray) -> Self:
        """Return the same model, its weights shared, with a shift (n_pooled,) of its own."""
        ...


def choose_device(name: str = "auto") -> str:
    """Turn ``auto`` into cuda, else mps, else cpu, as found; check that a device requested by name is available.

    Raises:
        UsageError: the name is not one of :data:`DEVICES`.
        DeviceError: the device is not available on this machine.
    """
    if name not in DEVICES:
        raise UsageError(f"unknown device {name!r}; choose one of {', '.join(DEVICES)}")
    if name == "auto":
        return "cuda" if _has_cuda() else "mps" if _has_mps() else "cpu"
    if (name == "cuda" and not _has_cuda()) or (name == "mps" and not _has_mps()):
        raise DeviceError(f"device {name!r} is not available on this machine; use --device auto or cpu")
    return name


def cores() -> int:
    """Return how many processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cuda_cards() -> int:
    """Return how many cards NVIDIA's driver has; without a driver, 0. No torch is needed to ask."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int()
    return 0 if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) else count.value


def is_apple_silicon() -> bool:
    """Return whether this is a machine whose graphics torch calls mps."""
    return sys.platform == "darwin" and platform.machine() == "arm64"


def _has_cuda() -> bool:
    """Ask the driver first: torch is only imported where there is a card to ask it about."""
    if not cuda_cards() or not find_spec("torch"):
        return False
    import torch

    return torch.cuda.is_available()


def _has_mps() -> bool:
    if not is_apple_silicon() or not find_spec("torch"):
        return False
    import torch

    return torch.backends.mps.is_available()
