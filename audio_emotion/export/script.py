"""The program in an exported folder: it cuts a recording into windows and gates them with this package's own code."""

import ast
import inspect
from collections.abc import Iterable
from types import ModuleType

from audio_emotion.audio import vad, windows
from audio_emotion.inference.backends import trim_padding

ASK, SPEECH = "ask.py", "speech.py"
"""Names of the program, and of the module that it imports."""

_PARTS = (
    (windows, ("windows_of",)),
    (vad, ("change_db", "CHANGE_DB")),
    (trim_padding, ("Margin", "shortened")),
)
_HEAD = '''"""How audio-emotion VERSION cuts a recording into windows, and which hold speech: copied from there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache

import numpy as np
'''
_ASK = '''"""Predict the emotion of one recording with the model in this folder, as `audio-emotion infer` does.

    pip install onnxruntime numpy soundfile
    python ask.py speech.wav [FILE]

FILE is one of the model files next to this program; by default MODEL.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile

here = Path(__file__).parent
sys.path.insert(0, str(here))
from speech import CHANGE_DB, Margin, change_db, shortened, windows_of

if len(sys.argv) not in (2, 3) or sys.argv[1] in ("-h", "--help"):
    print(__doc__.strip())
    sys.exit(0 if sys.argv[1:] and sys.argv[1].startswith("-") else 2)
about = json.loads((here / "model.json").read_text("utf-8"))
rate = about["sampling_rate"]
try:
    channels, own_rate = soundfile.read(sys.argv[1], dtype="float32", always_2d=True)
except (OSError, soundfile.LibsndfileError) as error:
    sys.exit(f"{sys.argv[1]}: cannot be read ({error})")
samples = channels.mean(axis=1)
if own_rate != rate:
    try:
        import soxr
    except ImportError:
        sys.exit(f"{sys.argv[1]}: {own_rate} Hz, expected {rate} Hz; resample it, or run: pip install soxr")
    samples = soxr.resample(samples, own_rate, rate)
windows = windows_of(samples, about["window_samples"])  # half a window apart, without the quiet at both ends
windows = windows[[change_db(window, rate) > CHANGE_DB for window in windows]]
session = onnxruntime.InferenceSession(here / (sys.argv[2] if sys.argv[2:] else "MODEL"))
margin = Margin.of(session.get_modelmeta().custom_metadata_map)
if len(windows) and margin.divides(windows.shape[1]):  # zeros around a short sound change nothing but the time it takes
    batches = [windows for _, windows in shortened(windows, margin)]
else:
    batches = [windows] if len(windows) else []
name = session.get_inputs()[0].name
names = [output.name for output in session.get_outputs()]
parts = [np.empty((0, len(about["labels"])), np.float32)]
for batch in batches:
    outputs = dict(zip(names, session.run(names, {name: batch})))
    probabilities = outputs["probabilities"]
    if "speech_probability" in names:  # the network itself decides what is speech
        probabilities = probabilities[outputs["speech_probability"] >= about["speech_threshold"]]
    parts.append(probabilities)
probabilities = np.concatenate(parts)
if not len(probabilities):
    print("no speech")
    sys.exit()
# The mean of the windows' logits, up to a constant: the logarithms of their probabilities.
mean = np.exp(np.log(np.maximum(probabilities, 1e-30)).mean(axis=0))
for label, share in sorted(zip(about["labels"], mean / mean.sum()), key=lambda pair: -pair[1]):
    print(f"{label:10} {share:.4f}")
'''


def program(model_file: str) -> str:
    """Return the program; ``model_file`` is the file that it runs by default."""
    return _ASK.replace("MODEL", model_file)


def speech_module(version: str) -> str:
    """Return the module that the program imports: the functions of this package, and all that they use."""
    parts = [_HEAD.replace("VERSION", version)]
    for module, names in _PARTS:
        parts += _definitions(module, names)
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _definitions(module: ModuleType, names: Iterable[str]) -> list[str]:
    """Return the source of a module's definitions of names, and of what they use of the same module, in its order."""
    source = inspect.getsource(module)
    defined: dict[str, ast.stmt] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined[node.name] = node
        elif isinstance(node, ast.Assign):
            targets = (name for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name))
            defined |= dict.fromkeys((target.id for target in targets), node)
    needed, todo = set[str](), list(names)
    while todo:
        name = todo.pop()
        if name in defined and name not in needed:
            needed.add(name)
            todo += [node.id for node in ast.walk(defined[name]) if isinstance(node, ast.Name)]
    nodes = {id(node): node for name, node in defined.items() if name in needed}
    lines = source.splitlines()
    return [
        "\n".join(lines[_first_line(node) - 1 : node.end_lineno])
        for node in sorted(nodes.values(), key=lambda node: node.lineno)
    ]


def _first_line(node: ast.stmt) -> int:
    """Return the number of a definition's first line, from 1: that of its first decorator, if it has any."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])
