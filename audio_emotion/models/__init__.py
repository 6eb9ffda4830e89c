"""Networks, one architecture a file, behind one registry."""

from audio_emotion.models._figures import measured
from audio_emotion.models._registry import Entry, architectures, build, entry, register

__all__ = ["Entry", "architectures", "build", "entry", "measured", "register"]
