"""The program of a decode worker: it reads paths and writes windows until its input ends."""

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from audio_emotion.batch.workers.ipc import WindowChunk, receive, send
from audio_emotion.batch.workers.types import RecordingFailedError
from audio_emotion.core.errors import AudioEmotionError
from audio_emotion.core.paths import display_path


def main() -> None:
    """Serve the main process over stdin and stdout, which are protected from output of the decoders."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the main process, which ends this one
    requests, answers = _pipes()
    hello, _ = receive(requests)
    try:
        module, function = str(hello["reader"]).split(":")
        read: Callable[..., Iterator[WindowChunk]] = getattr(import_module(module), function)
        _limit(int(hello["memory_bytes"]))
    except Exception as error:
        send(answers, {"broken": f"{type(error).__name__}: {error}"})
        return
    send(answers, {"ready": True})
    incoming = _incoming(requests)
    while True:
        request = incoming.get()
        _serve(read, request["path"], hello["settings"] | request["settings"], answers)


def _pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Return stdin and stdout; from here on, what C libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sys.stdin.buffer, answers


def _incoming(requests: IO[bytes]) -> "queue.SimpleQueue[dict[str, Any]]":
    """Return the queue of requests; a thread fills it, and ends this process when the main process is gone.

    So no worker outlives a killed parent, even if its decoder hangs.
    """
    incoming: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def listen() -> None:
        try:
            while True:
                incoming.put(receive(requests)[0])
        except (EOFError, OSError):
            os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    return incoming


def _serve(
    read: Callable[..., Iterator[WindowChunk]], path: str, settings: Mapping[str, Any], answers: IO[bytes]
) -> None:
    """Send a recording's parts, the last one marked, or its failure."""
    try:
        last: WindowChunk | None = None
        for part in read(path, **settings):
            if last is not None:
                _send_part(answers, last, last=False)
            last = part
        if last is None:
            send(answers, {"failure": "error", "reason": f"{display_path(path)}: the reader gave nothing"})
        else:
            _send_part(answers, last, last=True)
    except MemoryError:
        send(
            answers,
            {
                "failure": "memory",
                "reason": f"{display_path(path)}: decoding it needs more memory than a worker may take",
            },
        )
    except RecordingFailedError as failure:
        send(answers, {"failure": failure.kind, "reason": failure.reason})
    except AudioEmotionError as error:
        send(answers, {"failure": "decode", "reason": str(error)})
    except BrokenPipeError:
        os._exit(0)
    except (Exception, SystemExit) as error:  # no error of one file may affect another
        send(answers, {"failure": "error", "reason": f"{display_path(path)}: {type(error).__name__}: {error}"})


def _send_part(answers: IO[bytes], part: WindowChunk, *, last: bool) -> None:
    send(answers, {"last": last, "end_s": part.end_s, "note": dict(part.note)}, part.windows)


def _limit(memory_bytes: int) -> None:
    """Limit this process to so much more memory than it has now (Linux only), and write no core files."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        limit = pages * resource.getpagesize() + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
