"""Count how often a prediction moves from one file of the package to another; writes benchmarks/calls.json.

    python benchmarks/calls.py [RECORDING]

A move is a call (or the resumption of a generator) whose caller is in another file of the package. The command is
``audio-emotion infer RECORDING``; importing modules does not count, nor do methods that ``dataclass`` generates. Fewer
moves are easier to follow.
"""

import io
import json
import sys
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path
from types import FrameType

import audio_emotion
from audio_emotion.cli import main as run

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "inference" / "samples" / "happy.wav"
PACKAGE = str(Path(audio_emotion.__file__).parent)


def moves(arguments: list[str]) -> Counter[tuple[str, str]]:
    """Return how often each (caller, callee), as ``room/file.py:function``, moves between two files."""
    found: Counter[tuple[str, str]] = Counter()

    def profile(frame: FrameType, event: str, _: object) -> None:
        callee, caller = frame.f_code, frame.f_back.f_code if frame.f_back else None
        if event != "call" or caller is None or caller.co_filename == callee.co_filename:
            return
        if not (callee.co_filename.startswith(PACKAGE) and caller.co_filename.startswith(PACKAGE)):
            return
        if not _is_imported(frame):
            found[_place(caller.co_filename, caller.co_name), _place(callee.co_filename, callee.co_name)] += 1

    sys.argv = ["audio-emotion", *arguments]
    with redirect_stdout(io.StringIO()):
        sys.setprofile(profile)
        try:
            run()
        except SystemExit:
            pass
        finally:
            sys.setprofile(None)
    return found


def _is_imported(frame: FrameType | None) -> bool:
    """Tell whether a frame belongs to the import of a module of the package."""
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_code.co_filename.startswith(PACKAGE):
            return True
        frame = frame.f_back
    return False


def _place(file: str, function: str) -> str:
    return f"{file.removeprefix(PACKAGE + '/')}:{function}"


def main() -> None:
    recording = sys.argv[1] if len(sys.argv) > 1 else str(SAMPLE)
    found = moves(["infer", recording, "--device", "cpu"])
    for (caller, callee), count in sorted(found.items(), key=lambda item: -item[1]):
        print(f"{count:4}  {caller} -> {callee}")
    print(f"{found.total()} moves between files")
    if recording == str(SAMPLE):
        rooms = Counter(callee.partition("/")[0] for _, callee in found.elements())
        record = {
            "recording": "inference/samples/happy.wav",
            "moves": found.total(),
            "into": dict(sorted(rooms.items())),
        }
        (ROOT / "benchmarks" / "calls.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
