"""The side that asks: a thread for each worker, and a shelf that they put windows on."""

import contextlib
import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from audio_emotion.errors import AudioEmotionError, UsageError, reason
from audio_emotion.records import FloatArray
from audio_emotion.workers.wire import receive, send

_SHELF = 128  # windows waiting for the model, beyond which workers wait: 25 MB of 3 s windows
_PIPE_BYTES = 2**20  # room for a few windows, so that a worker need not wait for its reader (Linux)
_START_S = 60.0  # a worker that has not imported its reader by then never will
_HOUR = 3600.0
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from audio_emotion.workers.child import main; main()"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one recording may cost before it is given up.

    Attributes:
        duration_s: seconds of sound.
        size_bytes: bytes of file.
        decode_s: seconds of waiting for its decoder, for each hour of sound that it has given so far, begun ones
            counted: a clip that hangs is given up after this long, a ten-hour recording may take ten times as long.
        memory_bytes: what its decoder may take beside what a worker needs at rest; Linux only.
    """

    duration_s: float = 24 * _HOUR
    size_bytes: int = 4 * 2**30
    decode_s: float = 120.0
    memory_bytes: int = 4 * 2**30

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise UsageError(f"the limit {name} is {getattr(self, name)}, expected more than 0")


@dataclass(frozen=True, slots=True)
class Reader:
    """What runs in a worker: a function ``read(path, **settings)`` that yields :class:`~.wire.Part` s, at least one.

    Attributes:
        function: its name, ``module:function``; the module should import little, and no torch.
        settings: its keyword arguments, in JSON's terms.
    """

    function: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Windows of one recording, from a worker.

    Attributes:
        item: number of the recording, as given to the pool.
        windows: (n_windows, window_samples) float32; None for none.
        end_s: seconds of the recording read so far.
        note: the reader's remark.
        last: whether the recording ends here.
    """

    item: int
    windows: FloatArray | None
    end_s: float
    note: Mapping[str, Any]
    last: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a recording has no answer.

    Attributes:
        item: number of the recording, as given to the pool.
        kind: ``missing``, ``unreadable`` (no regular file, or not permitted), ``decode`` (its content is no sound),
            ``limit`` (too long or too big), ``time``, ``memory``, ``crash`` (its decoder died) or ``error``.
        reason: one line.
    """

    item: int
    kind: str
    reason: str


Event = Windows | Failure


class _GivenUpError(Exception):
    """A recording is not read further."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


@dataclass(eq=False)
class _Shelf:
    """Events between the workers' threads and the model, in order of arrival; full when it holds too many windows."""

    feeders: int
    n_windows: int = 0
    closed: bool = False
    events: deque[Event | BaseException] = field(default_factory=deque)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def put(self, event: Event | BaseException) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.closed or self.n_windows < _SHELF)
            self.n_windows += _count(event)
            self.events.append(event)
            self.changed.notify_all()

    def take(self, timeout_s: float) -> list[Event | BaseException] | None:
        """Return what is there, waiting for something; an empty list after ``timeout_s``, None when all is over."""
        with self.changed:
            self.changed.wait_for(lambda: self.events or not self.feeders, timeout_s)
            if not self.events and not self.feeders:
                return None
            events = list(self.events)
            self.events.clear()
            self.n_windows = 0
            self.changed.notify_all()
            return events

    def leave(self) -> None:
        with self.changed:
            self.feeders -= 1
            self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify_all()


def _count(event: Event | BaseException) -> int:
    return len(event.windows) if isinstance(event, Windows) and event.windows is not None else 0


class Pool:
    """Decode workers over a sequence of recordings.

    ``with Pool(...) as pool: for events in pool`` gives lists of what has arrived, each recording's windows in order
    and the recordings in any; an empty list tells that nothing has come for a while. Leaving the block ends the
    workers at once.
    """

    def __init__(self, paths: Iterable[str], reader: Reader, jobs: int, limits: Limits) -> None:
        self._paths = iter(enumerate(paths))
        self._reader = reader
        self._limits = limits
        self._lock = threading.Lock()
        self._children: set[_Child] = set()
        self._shelf = _Shelf(jobs)
        self._threads = [threading.Thread(target=self._feed, daemon=True) for _ in range(jobs)]

    def __enter__(self) -> "Pool":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shelf.close()
        with self._lock:
            for child in self._children:
                child.kill()
        for thread in self._threads:
            thread.join()

    def __iter__(self) -> Iterator[list[Event]]:
        while (taken := self._shelf.take(timeout_s=0.2)) is not None:
            with self._lock:
                for child in self._children:
                    child.kill_if_late()
            events: list[Event] = []
            for event in taken:
                if isinstance(event, BaseException):
                    raise event
                events.append(event)
            yield events

    def _feed(self) -> None:
        """Work through the recordings with one worker, and another one after each that had to be ended."""
        child: _Child | None = None
        try:
            while (entry := self._next()) is not None:
                child = self._read(*entry, child)
        except BaseException as error:
            self._shelf.put(error)
        finally:
            if child is not None:
                self._forget(child)
            self._shelf.leave()

    def _read(self, item: int, path: str, child: "_Child | None") -> "_Child | None":
        """Put what a worker makes of a recording on the shelf; return the worker, or None where it has ended.

        A recording that ends a worker which had read others before, without a word on this one, may not be to blame:
        it gets a second chance with a worker of its own.
        """
        used, heard = child is not None, False
        try:
            _check(path, self._limits)
            child = child or self._start()
            for windows in child.read(item, path):
                self._shelf.put(windows)
                heard = True
            return child
        except _GivenUpError as given_up:
            if child is not None and child.ended:
                self._forget(child)
                child = None
            if used and not heard and given_up.kind in {"crash", "memory"}:
                return self._read(item, path, child)
            self._shelf.put(Failure(item, given_up.kind, " ".join(given_up.reason.split())))
            return child

    def _next(self) -> tuple[int, str] | None:
        with self._lock:
            return None if self._shelf.closed else next(self._paths, None)

    def _start(self) -> "_Child":
        with self._lock:
            if self._shelf.closed:
                raise AudioEmotionError("the batch was stopped")
            child = _Child(self._reader, self._limits)
            self._children.add(child)
        child.greet()
        return child

    def _forget(self, child: "_Child") -> None:
        child.close()
        with self._lock:
            self._children.discard(child)


def _check(path: str, limits: Limits) -> None:
    """Refuse what is no file to open: decoders would wait for a pipe, or read a device, for ever."""
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        raise _GivenUpError("missing", f"{path}: no such file; check the path") from None
    except (OSError, ValueError) as error:
        raise _GivenUpError("unreadable", f"{path}: cannot be read ({reason(error)})") from error
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe, a socket or a device"
        raise _GivenUpError("unreadable", f"{path}: is {what}, expected a recording")
    if not os.access(path, os.R_OK):
        raise _GivenUpError("unreadable", f"{path}: permission denied; make it readable")
    if status.st_size > limits.size_bytes:
        raise _GivenUpError(
            "limit", f"{path}: has {status.st_size} bytes, more than the {limits.size_bytes} allowed; raise the limit"
        )


class _Child:
    """One worker process."""

    def __init__(self, reader: Reader, limits: Limits) -> None:
        self._reader = reader
        self._limits = limits
        self._lock = threading.Lock()
        self._deadline: float | None = None
        self._late = False
        self.ended = False
        single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | single,
            pipesize=_PIPE_BYTES,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to: IO[bytes] = self._process.stdin
        self._from: IO[bytes] = self._process.stdout

    def greet(self) -> None:
        """Tell the worker what to read with, and wait until it can.

        Raises:
            AudioEmotionError: it cannot.
        """
        hello = {
            "reader": self._reader.function,
            "settings": dict(self._reader.settings),
            "memory_bytes": self._limits.memory_bytes,
        }
        try:
            send(self._to, hello)
            header, _ = self._receive(_START_S)
        except (EOFError, OSError):
            header = {"broken": f"it {self._fate()} before it was ready"}
        if "broken" in header:
            raise AudioEmotionError(f"a decode worker cannot start: {header['broken']}; check the installation")

    def read(self, item: int, path: str, settings: Mapping[str, Any] | None = None) -> Iterator[Windows]:
        """Yield a recording's windows, while it keeps within the limits; ``settings`` go before the reader's own."""
        waited_s = heard_s = 0.0
        last = False
        self._send({"path": path, "settings": dict(settings or {})}, path)
        while not last:
            before = time.monotonic()
            header, windows = self._answer(self._limits.decode_s * (1 + heard_s // _HOUR) - waited_s, path)
            waited_s += time.monotonic() - before
            heard_s, last = header["end_s"], header["last"]
            if heard_s > self._limits.duration_s:
                self.kill()
                raise _GivenUpError(
                    "limit",
                    f"{path}: lasts {heard_s:.0f} s or more, longer than the {self._limits.duration_s:.0f} s allowed; "
                    "raise the limit",
                )
            yield Windows(item, windows, heard_s, header["note"], last)

    def _send(self, request: Mapping[str, Any], path: str) -> None:
        try:
            send(self._to, request)
        except OSError:
            raise self._crashed(path) from None

    def _answer(self, patience_s: float, path: str) -> tuple[dict[str, Any], FloatArray | None]:
        """Return one message on a recording that is being read."""
        try:
            header, windows = self._receive(patience_s)
        except (EOFError, OSError):
            raise self._crashed(path) from None
        if "failure" in header:
            if header["failure"] == "memory":  # what this worker could not free, the next one has
                self.kill()
            raise _GivenUpError(header["failure"], header["reason"])
        return header, windows

    def _crashed(self, path: str) -> _GivenUpError:
        fate = self._fate()
        if self._late:
            allowed = f"{self._limits.decode_s:g} s for each hour of sound"
            return _GivenUpError("time", f"{path}: decoding takes longer than {allowed}; raise the limit")
        return _GivenUpError("crash", f"{path}: its decoder {fate}; the file is probably damaged")

    def _receive(self, patience_s: float) -> tuple[dict[str, Any], FloatArray | None]:
        """Read one message; the pool ends this worker if it has not come in time, and that is an EOFError."""
        with self._lock:
            self._deadline = time.monotonic() + patience_s
        try:
            message = receive(self._from)
        finally:
            with self._lock:
                self._deadline = None
        if self._late:
            raise EOFError
        return message

    def kill_if_late(self) -> None:
        """End the worker if its message is overdue; called from the thread that takes from the shelf."""
        with self._lock:
            if self._deadline is not None and time.monotonic() > self._deadline:
                self._late = True
                self._process.kill()

    def kill(self) -> None:
        """End the worker now."""
        self.ended = True
        self._process.kill()

    def close(self) -> None:
        """End the worker and give back what it held."""
        self.kill()
        for pipe in (self._to, self._from):
            with contextlib.suppress(OSError):  # what was to be flushed has no reader any more
                pipe.close()
        self._process.wait()

    def _fate(self) -> str:
        self.ended = True
        code = self._process.wait()
        return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
