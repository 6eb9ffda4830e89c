"""Mixed commands on random inputs, for a while: counts of tracebacks, hangs, leftovers, and growth of memory.

    python -m benchmarks.soak [--seconds 3600] [--seed 0] [--json benchmarks/soak.json]

Each command runs in a process group and a temporary folder of its own; some are interrupted, and some have nobody who
reads their output. It must end in time, with an exit code that docs/commands.md lists, without a traceback and with a
message if it fails; it must leave no process, no temporary file, no half-written output, no file that nobody named, and
the inputs as they were. Meanwhile one process predicts every recording through Python, and a service answers requests;
their memory and open files at the end are compared with those after a third of the time. Exit code 1 if anything is
wrong.
"""

import argparse
import contextlib
import hashlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import numpy as np

from audio_emotion.formats import FORMATS
from benchmarks import soak_inputs

ROOT = Path(__file__).parent.parent
_TIMEOUT_S = 180
_TRAINING_TIMEOUT_S = 900
_STOP_S = 30  # from an interrupt to the end
_IDLE_S = 60  # a process that uses no processor time for so long hangs
_GROWTH_MIB = 30
_EXIT_CODES = {0, 1, 2, 3}
_FORMATS = (*FORMATS, "xml")
_NUMBERS = ("0.1", "0.3", "0.5", "0.8", "1", "1", "2", "2.5") * 3 + ("0", "99", "1e9", "-1", "nan", "inf", "x", "1e-7")
_PREDICTOR = """
import sys
from audio_emotion import load_model
from audio_emotion.core.errors import AudioEmotionError
model = load_model()
for line in sys.stdin:
    try:
        model.predict(line.rstrip("\\n"))
    except AudioEmotionError:
        pass
    print(flush=True)
"""


@dataclass(frozen=True)
class Step:
    """One command, and the file that is its standard input, if any."""

    arguments: list[str]
    stdin: Path | None = None
    timeout_s: float = _TIMEOUT_S


@dataclass
class Scene:
    """A folder for one round, and the draws that fill it; ``home`` keeps its models from round to round."""

    folder: Path
    home: Path
    rng: np.random.Generator
    pick: random.Random
    files: list[Path] = field(default_factory=list)

    @property
    def inputs(self) -> Path:
        """The folder of inputs."""
        return self.folder / "in"

    @property
    def out(self) -> str:
        """The folder of outputs."""
        return str(self.folder / "out")

    def recordings(self) -> "Scene":
        """Fill ``in`` with recordings."""
        self.files = soak_inputs.write_recordings(self.inputs, self.rng)
        return self

    def recording(self) -> str:
        """Return one of the files."""
        return str(self.pick.choice(self.files))

    def labelled(self) -> str:
        """Fill ``in`` with labelled recordings; return the folder or the table."""
        return str(self.pick.choice([self.inputs, soak_inputs.write_labelled(self.inputs, self.rng)]))

    def model(self) -> list[str]:
        """Return options that name a model: none, the bundled one, one of the home, a damaged or an absent one."""
        draw = self.pick.random()
        if draw < 0.7:
            return []
        if draw < 0.8:
            return ["--model", str(soak_inputs.write_model(self.folder, self.rng))]
        stored = [path.name for path in self.home.glob("models/*")]
        return ["--model", self.pick.choice(["default", "none", *stored])]

    def options(self, *names: str) -> list[str]:
        """Return each option with a random number, or leave it out."""
        return [word for name in names if self.pick.random() < 0.3 for word in (name, self.pick.choice(_NUMBERS))]

    def flags(self, *names: str) -> list[str]:
        """Return some of the flags."""
        return [name for name in names if self.pick.random() < 0.3]


def infer(scene: Scene) -> list[Step]:
    scene.recordings()
    source = scene.pick.choice([str(scene.inputs), scene.recording(), str(scene.inputs / "*.wav")])
    options = scene.options("--start", "--end", "--hop", "--window", "--min-confidence", "--min-duration", "--top-k")
    flags = scene.flags("--timeline", "--merge", "--no-gate", "-r", "--recursive")
    channels = ["--channels", scene.pick.choice(["mix", "each", "1", "2", "9"])]
    return [Step(["infer", source, *flags, *channels, *options, *scene.model(), "-f", scene.pick.choice(_FORMATS)])]


def infer_standard_input(scene: Scene) -> list[Step]:
    path = Path(scene.recordings().recording())
    names = scene.folder / "names.txt"
    names.write_bytes(b"\n".join(os.fsencode(file) for file in scene.files) + b"\n")
    if scene.pick.random() < 0.3:
        names.write_bytes(soak_inputs.damaged(names.read_bytes(), scene.rng))
    return [scene.pick.choice([
        Step(["infer", "-", "-f", scene.pick.choice(_FORMATS)], path),
        Step(["infer", "--files-from", "-", "-f", "jsonl"], names),
        Step(["infer", "--files-from", str(names), "-f", "csv"]),
        Step(["infer", "--files-from", str(path), "-f", "csv"]),
    ])]  # fmt: skip


def infer_batch(scene: Scene) -> list[Step]:
    """A batch, and the same again: interrupted, moved, changed, or with its journal damaged."""
    scene.recordings()
    shape = ["-f", scene.pick.choice(_FORMATS[1:]), *scene.flags("--timeline", "--merge")]
    shape += scene.pick.choice([[], ["--adapt", scene.pick.choice(["all", "folder"])]])
    batch = ["infer", str(scene.inputs), "-r", "--output-dir", scene.out, "--jobs", scene.pick.choice("123"), *shape]
    return [Step(batch), Step([*batch, *scene.flags("--restart")])]


def infer_segments(scene: Scene) -> list[Step]:
    recording = scene.recordings().recording()
    segments = soak_inputs.write_transcript(scene.folder, recording, scene.rng)
    more = scene.pick.choice([[], ["--adapt", "speaker"], ["--report", str(scene.folder / "report.html")],
                              ["--plot", str(scene.folder / "plot.png")]])  # fmt: skip
    return [Step(["infer", recording, "--segments", str(segments), *more, "-f", scene.pick.choice(_FORMATS)])]


def infer_speakers(scene: Scene) -> list[Step]:
    number = scene.pick.choice(["auto", "1", "2", "3", "0", "x"])
    return [Step(["infer", scene.recordings().recording(), "--speakers", number, *scene.flags("--timeline", "-q")])]


def infer_pictures(scene: Scene) -> list[Step]:
    picture = ["--plot", str(scene.folder / scene.pick.choice(["plot.png", "plot.svg", "plot.xyz"]))]
    report = ["--report", str(scene.folder / "report.html"), *scene.flags("--embed-audio")]
    return [Step(["infer", scene.recordings().recording(), "--timeline", *scene.pick.choice([picture, report])])]


def infer_adapt(scene: Scene) -> list[Step]:
    scene.recordings()
    return [Step(["infer", str(scene.inputs), "-r", "--adapt", scene.pick.choice(["all", "folder", "speaker", "x"]),
                  "--channels", scene.pick.choice(["mix", "each"]), "-f", "csv"])]  # fmt: skip


def explain(scene: Scene) -> list[Step]:
    output = scene.pick.choice([["--json"], ["-o", str(scene.folder / "explain.png")]])
    method = ["--method", scene.pick.choice(["occlusion", "occlusion", "gradients"])]
    return [Step(["explain", scene.recordings().recording(), *output, *method, *scene.options("--start", "--end")])]


def listen(scene: Scene) -> list[Step]:
    save = ["--save", str(scene.folder / "s.jsonl"), "--record", str(scene.folder / "record.wav")]
    options = [*scene.options("--hop", "--window"), *scene.flags("--jsonl", "--plain", "--realtime"), "--duration", "3"]
    return [Step(["listen", "--file", scene.recordings().recording(), *options, *scene.pick.choice([[], save])])]


def adapt(scene: Scene) -> list[Step]:
    scene.recordings()
    name = scene.pick.choice(["anna", "ben", "../x", ""])
    return [Step(["adapt", str(scene.inputs), "-r", "--name", name, *scene.flags("--replace"),
                  *scene.options("--shrinkage"), *scene.model()])]  # fmt: skip


def data(scene: Scene) -> list[Step]:
    source, features = scene.labelled(), str(scene.folder / "f.csv")
    return [Step(["data", *scene.pick.choice([
        ["check", source], ["check", source, "--json"], ["check", source, "--labels", "nine"],
        ["prepare", source, "--out", scene.out], ["prepare", source, "--out", scene.out, "--audio"],
        ["features", source, "--out", features], ["list"],
    ])])]  # fmt: skip


def extract_audio(scene: Scene) -> list[Step]:
    scene.recordings()
    extract = ["data", "extract-audio", str(scene.inputs), scene.out, *scene.options("--rate", "--stream")]
    return [Step(extract), Step(extract)]


def evaluate(scene: Scene) -> list[Step]:
    report = scene.pick.choice([[], ["--json"], ["--html", str(scene.folder / "e.html")]])
    return [Step(["evaluate", scene.labelled(), *report, *scene.model()])]


def train(scene: Scene) -> list[Step]:
    source = scene.labelled()
    config = ["--config", str(soak_inputs.write_config(scene.folder, scene.rng))]
    start = scene.pick.choice([config, config, ["--from", "default", "--epochs", "1"], ["--dry-run"]])
    more = scene.pick.choice([[], [], [], [], ["--folds", "2-fold", "--jobs", "1"], ["--split", "random"]])
    command = ["train", "--data", source, "--labels", "happy,sad", "--device", "cpu", *start, *more]
    name = ["--name", scene.pick.choice(["tiny", "small"]), *scene.flags("--restart")]
    return [Step([*command, *name], timeout_s=_TRAINING_TIMEOUT_S)]


def tune(scene: Scene) -> list[Step]:
    source, space = scene.labelled(), scene.folder / "space.toml"
    content = b'epochs = 1\npatience = 0\n[search."optimizer.lr"]\nlow = 0.001\nhigh = 0.1\nlog = true\n'
    space.write_bytes(soak_inputs.damaged(content, scene.rng) if scene.pick.random() < 0.5 else content)
    return [Step(["tune", "run", str(space), "--data", source, "--labels", "happy,sad", "--trials", "1", "--folds", "2",
                  "--restart"], timeout_s=_TRAINING_TIMEOUT_S), Step(["tune", "best", "space"])]  # fmt: skip


def export(scene: Scene) -> list[Step]:
    kind = scene.pick.choice([["--as", "onnx"], ["--as", "onnx-int8"], ["--as", "torch"], ["--as", "none"]])
    return [Step(["export", scene.out, *kind, *scene.model()], timeout_s=_TRAINING_TIMEOUT_S)]


def models(scene: Scene) -> list[Step]:
    stored = [path.name for path in scene.home.glob("models/*")]
    name = scene.pick.choice(["default", "none", *stored])
    damaged = str(soak_inputs.write_model(scene.folder, scene.rng))
    return [Step(["models", *scene.pick.choice([
        ["list"], ["show", name], ["show", damaged, "--json"], ["path", name], ["default"], ["default", name],
        ["default", "default"], ["remove", name, "--yes"], ["push", name, scene.out], ["pull", damaged, "--replace"],
    ])])]  # fmt: skip


def augment(scene: Scene) -> list[Step]:
    return [Step(["augment", "preview", scene.recordings().recording(), scene.out, *scene.options("--rate")])]


def doctor(scene: Scene) -> list[Step]:
    return [Step(["doctor", *scene.flags("--json")])]


COMMANDS: dict[Callable[[Scene], list[Step]], int] = {
    **{infer: 20, infer_standard_input: 6, infer_batch: 12, infer_segments: 14, infer_speakers: 5, infer_pictures: 6},
    **{infer_adapt: 5, explain: 4, listen: 6, adapt: 5, data: 10, extract_audio: 5, evaluate: 4, train: 4, tune: 1},
    **{export: 2, models: 6, augment: 2, doctor: 1},
}
"""What makes the inputs of a command and returns it, and how often of a hundred or so."""


class Watched:
    """A process that stays: its memory in MiB and its open files after each round."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.messages = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (closed by `stop`)
        self.process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environment, text=True, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.messages,
        )  # fmt: skip
        self.memory_mib: list[float] = []
        self.open_files: list[int] = []

    def address(self) -> tuple[str, int]:
        """Return host and port that a service prints when it has started.

        Raises:
            RuntimeError: it has not started.
        """
        end = time.monotonic() + _TIMEOUT_S
        while time.monotonic() < end and self.process.poll() is None:
            if match := re.search(r"http://([\d.]+):(\d+)", self.written()):
                return match[1], int(match[2])
            time.sleep(0.1)
        raise RuntimeError(f"the service has not started: {self.written()}")

    def written(self) -> str:
        """Return its messages."""
        return Path(f"/proc/self/fd/{self.messages.fileno()}").read_text(errors="replace")

    def measure(self) -> None:
        """Note its memory and its open files."""
        proc = Path(f"/proc/{self.process.pid}")
        with contextlib.suppress(OSError):
            self.memory_mib.append(int((proc / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20)
            self.open_files.append(len(list((proc / "fd").iterdir())))

    def growth(self) -> dict[str, float]:
        """Return what the last twenty rounds need more than the first third."""
        third = max(1, len(self.memory_mib) // 3)
        if not self.memory_mib:
            return {}
        return {
            "MiB at first": round(self.memory_mib[0]),
            "MiB at the end": round(self.memory_mib[-1]),
            "MiB grown": round(max(self.memory_mib[-20:]) - max(self.memory_mib[:third])),
            "open files grown": max(self.open_files[-20:]) - max(self.open_files[:third]),
        }

    def stop(self, how: signal.Signals = signal.SIGINT) -> str:
        """Send a signal; return what is wrong with how it ended."""
        self.process.send_signal(how)
        try:
            self.process.communicate(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            return "hang"
        messages = self.written()
        self.messages.close()
        is_traced = "Traceback" in messages and "KeyboardInterrupt" not in messages
        return f"traceback\n{messages}" if is_traced else ""


def request(address: tuple[str, int], scene: Scene, path: Path) -> str:
    """Send a recording, or something else, to the service; return what is wrong with its answer."""
    pick = scene.pick
    content = path.read_bytes()
    query = {"hop": pick.choice(_NUMBERS), "channels": pick.choice(["mix", "each", "auto", "x"])}
    query |= {"timeline": pick.choice(["true", "false", "x"]), "format": pick.choice(["json", "csv", "srt", "x"])}
    query = {name: value for name, value in query.items() if pick.random() < 0.4}
    head = f'--B\r\nContent-Disposition: form-data; name="file"; filename="{path.suffix}"\r\n\r\n'
    body, kind = content, "audio/wav"
    if pick.random() < 0.7:
        body, kind = head.encode() + content + b"\r\n--B--\r\n", "multipart/form-data; boundary=B"
    connection = http.client.HTTPConnection(*address, timeout=_TIMEOUT_S)
    target = pick.choice(["/v1/emotions"] * 6 + ["/page/predict", "/v1/models", "/healthz", "/none"])
    try:
        connection.request(pick.choice(["POST"] * 8 + ["GET"]), f"{target}?{urlencode(query)}", body,
                           {"Content-Type": kind})  # fmt: skip
        if pick.random() < 0.05:
            return ""  # and go away before the answer
        response = connection.getresponse()
        answer = response.read()
    except OSError as error:
        return f"service: {type(error).__name__}"
    finally:
        connection.close()
    if response.status >= 500 or b"Traceback" in answer:
        return f"service: status {response.status}"
    return ""


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder."""
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}  # fmt: skip


@dataclass
class Soak:
    """What happened so far."""

    work: Path
    seed: int
    commands: Counter[str] = field(default_factory=Counter)
    exit_codes: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    slowest_s: dict[str, float] = field(default_factory=dict)
    requests: int = 0

    def __post_init__(self) -> None:
        self.rng, self.pick = np.random.default_rng(self.seed), random.Random(self.seed)
        self.temporary, self.home = self.work / "tmp", self.work / "home"
        self.temporary.mkdir()
        self.environment = os.environ | {
            "TMPDIR": str(self.temporary), "AUDIO_EMOTION_HOME": str(self.home), "PYTHONPATH": str(ROOT),
            "AUDIO_EMOTION_CACHE": str(self.work / "cache"), "AUDIO_EMOTION_DATA": str(self.work / "none"),
            "TORCHINDUCTOR_CACHE_DIR": str(self.work / "inductor"),
        }  # fmt: skip

    def problem(self, what: str, where: str, messages: str = "") -> None:
        """Count a problem, by its first line, and print what there is to know of it."""
        self.problems[what.partition("\n")[0]] += 1
        print(f"{what}: {where}\n{messages[-3000:]}", file=sys.stderr, flush=True)

    def run_rounds(
        self, seconds: float, predictor: "Watched", service: "Watched", address: tuple[str, int]
    ) -> tuple[float, int]:
        """Run commands for so many seconds; return how long it took, and how many recordings were predicted.

        Raises:
            RuntimeError: the predictor ended.
        """
        assert predictor.process.stdin
        assert predictor.process.stdout
        began, number, predictions = time.monotonic(), 0, 0
        while time.monotonic() - began < seconds:
            scene = self.round(number)
            scene.files = sorted(path for path in scene.inputs.rglob("*") if path.is_file())
            if scene.files and self.pick.random() < 0.03:
                serve_once(self, scene)
            for path in scene.files[:6]:
                predictor.process.stdin.write(f"{path}\n")
                predictor.process.stdin.flush()
                if not predictor.process.stdout.readline():
                    raise RuntimeError(f"the predictor ended at {path}")
                predictions += 1
                if problem := request(address, scene, path):
                    self.problem(problem, str(path))
                self.requests += 1
            predictor.measure()
            service.measure()
            shutil.rmtree(scene.folder)
            number += 1
        return time.monotonic() - began, predictions

    def round(self, number: int) -> Scene:
        """Run a command, or two in a row, on inputs of its own."""
        folder = self.work / f"{number}"
        (folder / "in").mkdir(parents=True)
        scene = Scene(folder, self.home, self.rng, self.pick)
        [make] = self.pick.choices(list(COMMANDS), list(COMMANDS.values()))
        for step in make(scene):
            before, inputs = set(folder.rglob("*")), digests(scene.inputs)
            self.run(make.__name__, step, folder)
            if digests(scene.inputs) != inputs:
                self.problem("input changed", " ".join(step.arguments))
            for path in self.strays(folder, before, step):
                self.problem("file left", f"{path}: {' '.join(step.arguments)}")
            if make is infer_batch:
                self.disturb(scene)
        return scene

    def disturb(self, scene: Scene) -> None:
        """Between two runs of a batch: change an input, remove an output, or damage the journal."""
        files = sorted(path for path in (scene.folder / "out").rglob("*") if path.is_file())
        draw = self.pick.random()
        if draw < 0.3:
            soak_inputs.write_recording(Path(scene.recording()), self.rng)
        elif draw < 0.6 and files:
            path = self.pick.choice(files)
            path.write_bytes(soak_inputs.damaged(path.read_bytes(), self.rng))
        elif draw < 0.8 and files:
            self.pick.choice(files).unlink()

    def strays(self, folder: Path, before: set[Path], step: Step) -> Iterator[Path]:
        """Yield files that are new, and that no argument names; and hidden ones, wherever they are."""
        named = [argument for argument in step.arguments if argument.startswith(str(folder))]
        for path in set(folder.rglob("*")) - before:
            is_named = any(str(path).startswith(name) for name in named if name != str(folder / "in"))
            if path.is_file() and (path.name.startswith(".") or not is_named):
                yield path
        for path in self.home.rglob(".*"):
            if path.is_file() and path.suffix != ".lock":
                yield path
                path.unlink()

    def run(self, name: str, step: Step, folder: Path) -> None:
        """Run one command and look at how it ended."""
        interrupt_s = self.pick.uniform(0.3, 8) if self.pick.random() < 0.08 else None
        has_reader = self.pick.random() > 0.04
        reader, writer = os.pipe()
        os.close(reader)
        began = time.monotonic()
        with Path(step.stdin or os.devnull).open("rb") as stdin, tempfile.TemporaryFile() as out, \
                tempfile.TemporaryFile() as err:  # fmt: skip
            process = subprocess.Popen(
                [sys.executable, "-m", "audio_emotion", *step.arguments], cwd=folder, env=self.environment,
                stdin=stdin, stdout=out if has_reader else writer, stderr=err, start_new_session=True,
            )  # fmt: skip
            os.close(writer)
            problems = self.await_end(process, interrupt_s, step.timeout_s)
            seconds = time.monotonic() - began
            err.seek(0)
            messages = err.read().decode(errors="replace")
            out.seek(0)
            output = out.read()
        code = process.returncode
        self.commands[name] += 1
        self.exit_codes[str(code)] += 1
        self.slowest_s[name] = round(max(seconds, self.slowest_s.get(name, 0.0)), 1)
        if "Traceback" in messages:
            if interrupt_s is not None and "audio_emotion/" not in messages:  # Python itself was still starting
                code = 130
            else:
                problems.append("traceback")
        if code not in _EXIT_CODES and not (code == 130 and interrupt_s is not None):
            problems.append(f"exit code {code}")
        if code in {1, 2, 3} and not messages.strip():
            problems.append("no message")
        if code == 0 and "--json" in step.arguments and has_reader and not _is_json(output):
            problems.append("not JSON")
        if list(self.temporary.iterdir()):
            problems.append("temporary file left")
            shutil.rmtree(self.temporary)
            self.temporary.mkdir()
        for what in problems:
            how = f" (interrupted after {interrupt_s:.1f} s)" if interrupt_s is not None else ""
            self.problem(what, " ".join(step.arguments) + how, messages)

    def await_end(self, process: "subprocess.Popen[bytes]", interrupt_s: float | None, timeout_s: float) -> list[str]:
        """Wait for a command, which may be interrupted; return hangs, and processes that it left."""
        problems = []
        if interrupt_s is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(interrupt_s)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
        if hangs(process, timeout_s if interrupt_s is None else _STOP_S):
            problems.append("hang")
        with contextlib.suppress(ProcessLookupError):
            for _ in range(50):  # what it started may need a moment to end
                os.killpg(process.pid, 0)
                time.sleep(0.1)
            os.killpg(process.pid, signal.SIGKILL)
            problems.append("process left")
        process.wait()
        return problems


def hangs(process: "subprocess.Popen[bytes]", timeout_s: float) -> bool:
    """Wait for a process; tell whether it hangs."""
    # A process that waits for the processor all the time is no hang: after `timeout_s`, it may go on as long as it
    # uses the processor now and then, but not for more than `timeout_s` of processor time.
    cpu_s = -1.0
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout_s if cpu_s < 0 else _IDLE_S)
            return False
        used_s = cpu_seconds(process.pid)
        if used_s < cpu_s + 0.01 or used_s > timeout_s:
            return True
        cpu_s = used_s


def cpu_seconds(group: int) -> float:
    """Return the processor time of the processes of a group, in seconds."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()  # state, parent, group ... user and system time
            if int(fields[2]) == group:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except ValueError:
        return False
    return True


def serve_once(soak: Soak, scene: Scene) -> None:
    """Start a service, ask it once, and stop it."""
    service = Watched(["-m", "audio_emotion", "serve", "--port", "0"], soak.environment)
    if problem := request(service.address(), scene, scene.pick.choice(scene.files)):
        soak.problem(problem, "serve")
    if problem := service.stop(scene.pick.choice([signal.SIGINT, signal.SIGTERM])):
        soak.problem(problem, "serve")
    soak.commands["serve"] += 1
    soak.exit_codes[str(service.process.returncode)] += 1


def run_soak(seconds: float, seed: int, work: Path) -> dict[str, object]:
    """Run commands for a while; return counts, problems and growth."""
    soak = Soak(work, seed)
    (work / "uploads").mkdir()
    predictor = Watched(["-c", _PREDICTOR], soak.environment)
    service = Watched(
        ["-m", "audio_emotion", "serve", "--port", "0"], soak.environment | {"TMPDIR": str(work / "uploads")}
    )
    address = service.address()
    try:
        seconds, predictions = soak.run_rounds(seconds, predictor, service, address)
    except BaseException:
        for process in (predictor.process, service.process):
            process.kill()
        raise
    grown = {"predictor": predictor.growth(), "service": service.growth()}
    for name, process in (("predictor", predictor), ("service", service)):
        if problem := process.stop():
            soak.problem(problem, name)
        if grown[name].get("MiB grown", 0) > _GROWTH_MIB or grown[name].get("open files grown", 0) > 5:
            soak.problem("growth", name)
    if left := list((work / "uploads").iterdir()):
        soak.problem("temporary file left", f"service: {left}")
    return {
        "seconds": round(seconds),
        "seed": seed,
        "commands": sum(soak.commands.values()),
        "by_command": dict(sorted(soak.commands.items())),
        "exit_codes": dict(sorted(soak.exit_codes.items())),
        "slowest_s": dict(sorted(soak.slowest_s.items())),
        "predictions": predictions,
        "requests": soak.requests,
        "memory": grown,
        "problems": dict(sorted(soak.problems.items())),
    }


def main() -> None:
    """Run the soak and print its counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="file for the counts")
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background of a shell it is ignored
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="soak-") as work:
        counts = run_soak(arguments.seconds, arguments.seed, Path(work))
    text = json.dumps(counts, indent=2) + "\n"
    print(text, end="")
    if arguments.json:
        arguments.json.write_text(text, "utf-8")
    sys.exit(1 if counts["problems"] else 0)


if __name__ == "__main__":
    main()
