"""Networks, one architecture a file, behind one registry."""

from audio_emotion.models._registry import Entry, architectures, build, config_classes, entry, register

__all__ = ["Entry", "architectures", "build", "config_classes", "entry", "register"]
