"""Networks, one architecture a file, behind one registry."""

from audio_emotion.models.figures import FIGURES_PATH, measured
from audio_emotion.models.registry import Entry, architectures, build, config_classes, entry, register

__all__ = ["FIGURES_PATH", "Entry", "architectures", "build", "config_classes", "entry", "measured", "register"]
