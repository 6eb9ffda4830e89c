"""Draw the picture of a terminal for the documentation: `python -m scripts.terminal` from the checkout's root.

The commands are run, one after the other, and what they print is what the picture shows; it is an SVG that types them,
by CSS alone. Times are the commands' own, and where they are shorter than a reader, a pause follows.
"""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import soundfile

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "inference" / "samples"
PICTURE = ROOT / "docs" / "images" / "terminal.svg"
COMMANDS = (
    "audio-emotion infer happy.wav",
    "audio-emotion infer call.wav --timeline --merge",
    "audio-emotion infer *.wav --quiet --format csv | cut -d, -f1,4,5",
)
TYPED_S, READ_S, LAST_S = 0.045, 0.3, 5.0  # seconds a character, a pause for each line shown, and at the end
LINE, WIDTH, COLUMNS = 19, 860, 96  # pixels, pixels, characters


@dataclass(frozen=True)
class Line:
    """A line of the screen, and when it is there, in seconds."""

    text: str
    at: float
    typed: bool = False


def main() -> None:
    """Run the commands and write the picture."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in ("happy", "angry", "calm"):
            soundfile.write(folder / f"{name}.wav", *soundfile.read(SAMPLES / f"{name}.wav"))
        soundfile.write(folder / "call.wav", _call(), _rate())
        screens, clock = [], 0.5
        for command in COMMANDS:
            lines, clock = played(command, folder, clock)
            screens.append((lines, clock))
    PICTURE.write_text(drawn(screens, clock + LAST_S), "utf-8")


def _rate() -> int:
    return int(soundfile.info(SAMPLES / "calm.wav").samplerate)


def _call() -> np.ndarray:
    """Join three samples with pauses between."""
    pause = np.zeros(2 * _rate())
    said = [soundfile.read(SAMPLES / f"{name}.wav")[0] for name in ("calm", "angry", "happy")]
    return np.concatenate([part for clip in said for part in (clip, pause)])


def played(command: str, folder: Path, clock: float) -> tuple[list[Line], float]:
    """Run a command; return what stands on the screen from ``clock`` on, and when it is read."""
    lines = [Line(f"$ {command}", clock, typed=True)]
    clock += TYPED_S * len(command) + 0.3
    ours = f"{shlex.quote(sys.executable)} -m audio_emotion"
    began = time.perf_counter()
    result = subprocess.run(
        ["sh", "-c", command.replace("audio-emotion", ours, 1)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    clock += time.perf_counter() - began
    printed = [*result.stderr.splitlines(), *result.stdout.splitlines()]
    shown = [line[i : i + COLUMNS] for line in printed for i in range(0, max(len(line), 1), COLUMNS)]
    return lines + [Line(text, clock) for text in shown], clock + 1.0 + READ_S * len(shown)


def drawn(screens: list[tuple[list[Line], float]], total: float) -> str:
    """Return the SVG: each command has a screen of its own, which is there until the next one's."""
    height = 58 + LINE * max(len(lines) for lines, _ in screens)
    styles, groups, begin = [], [], 0.0
    for number, (lines, end) in enumerate(screens):
        until = end if number + 1 < len(screens) else total
        styles.append(_shown(f"s{number}", begin, until, total))
        if number:
            styles.append(f"#s{number}{{opacity:0}}\n")  # where nothing moves, the first screen alone
        rows = []
        for row, line in enumerate(lines):
            name = f"s{number}l{row}"
            styles.append(_typed(name, line, total) if line.typed else _shown(name, line.at, total, total))
            y = 52 + LINE * row
            kind = ' fill="#9ece6a"' if line.typed else ""
            rows.append(f'<text id="{name}" x="18" y="{y}"{kind}>{escape(line.text)}</text>')
        groups.append(f'<g id="s{number}">{"".join(rows)}</g>')
        begin = until
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="A terminal: audio-emotion names the emotion in recordings">\n'
        f"<style>\ntext{{font:14px ui-monospace,Menlo,Consolas,monospace;white-space:pre}}\n{''.join(styles)}"
        "@media (prefers-reduced-motion:reduce){*{animation-play-state:paused;animation-delay:-"
        f"{total - 1:.1f}s!important}}}}\n</style>\n"
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#1a1b26"/>\n'
        '<circle cx="22" cy="18" r="6" fill="#f7768e"/><circle cx="42" cy="18" r="6" fill="#e0af68"/>'
        '<circle cx="62" cy="18" r="6" fill="#9ece6a"/>\n'
        f'<g fill="#c0caf5">{"".join(groups)}</g>\n</svg>\n'
    )


def _shown(name: str, begin: float, end: float, total: float) -> str:
    """Return the style of what is there from ``begin`` to ``end``."""
    on, off = 100 * begin / total, 100 * end / total
    frames = f"0%{{opacity:0}}{on:.2f}%{{opacity:1}}{off:.2f}%{{opacity:{1 if end >= total else 0}}}"
    if begin == 0:
        frames = frames.replace("0%{opacity:0}0.00%", "0%", 1)
    return f"#{name}{{animation:{name} {total:.1f}s step-end infinite}}@keyframes {name}{{{frames}}}\n"


def _typed(name: str, line: Line, total: float) -> str:
    """Return the style of a line that appears character by character."""
    n, seconds = len(line.text), TYPED_S * len(line.text)
    on, off = 100 * line.at / total, 100 * (line.at + seconds) / total
    clipped, whole = "clip-path:inset(0 100% 0 0)", "clip-path:inset(0 0 0 0)"
    return (
        f"#{name}{{animation:{name} {total:.1f}s infinite}}@keyframes {name}{{0%{{{clipped}}}"
        f"{on:.2f}%{{{clipped};animation-timing-function:steps({n})}}{off:.2f}%{{{whole}}}100%{{{whole}}}}}\n"
    )


if __name__ == "__main__":
    main()
