"""Networks, one architecture per file, in one registry.

``registry`` lists the architectures, ``networks`` and ``frontends`` hold them, ``checkpoint`` reads and writes the
model folder, and ``card`` writes its README.
"""

from audio_emotion.models.figures import FIGURES_PATH, measured
from audio_emotion.models.registry import Entry, architectures, build, config_classes, entry, register

__all__ = ["FIGURES_PATH", "Entry", "architectures", "build", "config_classes", "entry", "measured", "register"]
