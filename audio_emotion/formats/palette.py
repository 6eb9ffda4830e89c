"""The colors of emotions, in light and dark, the same as on the web page."""

from collections.abc import Sequence

KNOWN: dict[str, tuple[str, str]] = {
    "neutral": ("#8b98a5", "#97a4b1"),
    "calm": ("#45a39a", "#55b8ae"),
    "happy": ("#dba520", "#e6b53c"),
    "sad": ("#4a7fc4", "#6b9be0"),
    "angry": ("#cf4a56", "#e2636e"),
    "fearful": ("#8c6cc4", "#a589dc"),
    "disgust": ("#77993a", "#93b652"),
    "surprised": ("#e07f35", "#ec9450"),
}
"""The color on a light and on a dark page."""

UNKNOWN = ("#c3ccd2", "#52616b")
SILENCE = ("#e3e9ec", "#2f3b43")


def colors_of(labels: Sequence[str]) -> list[tuple[str, str]]:
    """Return the colors of a model's labels, then those of ``unknown`` and ``no speech``.

    Labels without a color of their own take the free ones in turn.
    """
    free = [color for label, color in KNOWN.items() if label not in labels] or list(KNOWN.values())
    others = [label for label in labels if label not in KNOWN]
    colors = {label: free[number % len(free)] for number, label in enumerate(others)}
    return [*(KNOWN.get(label) or colors[label] for label in labels), UNKNOWN, SILENCE]
