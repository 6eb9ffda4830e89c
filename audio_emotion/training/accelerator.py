"""Devices and processes (by accelerate), precision, and a hint when memory runs out."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from audio_emotion.core.errors import DeviceError, TrainingError
from audio_emotion.training.config import TrainConfig

if TYPE_CHECKING:
    from accelerate import Accelerator

_PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": None}


def make_accelerator(device: str) -> "Accelerator":
    """Return accelerate's view of this process; its launcher says through the environment how many there are.

    Precision is the config's own affair, so accelerate is asked for none.

    Raises:
        DeviceError: an earlier run of this process has settled on another kind of device.
    """
    from accelerate import Accelerator

    try:
        accelerator = Accelerator(cpu=device == "cpu", mixed_precision="no")
        settled = accelerator.device.type
    except ValueError:
        settled = "an accelerator"
    if settled != device:
        raise DeviceError(f"{device} is not available: this process already trains on {settled}; start another process")
    return accelerator


def is_main() -> bool:
    """Whether this process is the launcher's first, or the only one."""
    return int(os.environ.get("RANK", "0")) == 0


def n_processes() -> int:
    """Return how many processes the launcher has started; 1 without one."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def main_process_first(device: str) -> Iterator[None]:
    """Let the main process go through the block before the others."""
    if n_processes() == 1:
        yield
        return
    with make_accelerator(device).main_process_first():
        yield


def all_reduce_sum(accelerator: "Accelerator", number: Tensor) -> Tensor:
    """Return the sum of a number over all processes."""
    if accelerator.num_processes == 1:
        return number
    summed: Tensor = accelerator.reduce(number, "sum")
    return summed


def any_process(accelerator: "Accelerator", is_set: bool) -> bool:
    """Whether it is set in any process."""
    if accelerator.num_processes == 1:
        return is_set
    return bool(all_reduce_sum(accelerator, torch.tensor(float(is_set), device=accelerator.device)))


def precision(config: TrainConfig, device: str) -> torch.dtype | None:
    """Return what the network computes in under autocast; None: fp32.

    ``auto`` is bf16 where the processor multiplies it natively, on a GPU without it fp16, else fp32.

    Raises:
        DeviceError: fp16 on a device that is no GPU of NVIDIA's kind.
    """
    if config.precision == "fp16" and device != "cuda":
        raise DeviceError(f"precision is fp16, and on {device} that is slow or overflows; use auto, bf16 or fp32")
    if config.precision != "auto":
        return _PRECISIONS[config.precision]
    if device == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device == "cpu":
        known = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        return torch.bfloat16 if known.get("avx512_bf16") or known.get("amx_bf16") else None
    return None


@contextmanager
def oom_hint(config: TrainConfig, device: str) -> Iterator[None]:
    """Turn an out-of-memory error into one that says which settings to change."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        words = str(error).lower()
        ended = isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in words
        if not ended and "not enough memory" not in words:
            raise
        half = max(2, config.batch_size // 2)
        raise TrainingError(
            f"{device} is out of memory at batch_size {config.batch_size}; try --batch-size {half} with "
            f"--set accumulation={2 * config.accumulation}, which takes the same steps with smaller batches"
        ) from error
