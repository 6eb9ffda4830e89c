"""Try an installation without torch: `python smoke_test_inference.py RECORDING`. Needs what `serve` needs.

`infer`, `listen` and `serve` must work; `train` and `export` must say in one line what to install.
"""

import http.client
import json
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

COMMAND = [sys.executable, "-m", "audio_emotion"]
START_S = 120.0  # a service may take this long to start, where nothing is compiled yet


def main() -> None:
    """Run one command after the other; the first that fails ends it."""
    recording = sys.argv[1]
    assert find_spec("torch") is None, "torch is installed here"
    _run("--help")
    expected = json.loads(_run("infer", recording, "--json"))["label"]
    _run("infer", recording, "--timeline", "--report", "report.html")
    _run("listen", "--help")
    _run("listen", "--file", recording)
    _run("infer", recording, "--speakers", "auto")
    for arguments in (["train"], ["export", "out"]):
        message = _fails(*arguments)
        assert message.count("\n") == 1, message
        assert "not installed" in message, message
        assert "; run: pip install " in message, message
    assert _served(recording) == expected
    print("all good")


def _run(*arguments: str) -> str:
    print("$ audio-emotion", *arguments, flush=True)
    result = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"exit code {result.returncode}\n{result.stderr}")
    return result.stdout


def _fails(*arguments: str) -> str:
    """Return the message of a command that must end with exit code 1."""
    print("$ audio-emotion", *arguments, flush=True)
    result = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 1, result
    print(result.stderr, end="")
    return result.stderr


def _served(recording: str) -> str:
    """Start the service, wait until it is ready, and return the label that it predicts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    print("$ audio-emotion serve --port", port, flush=True)
    service = subprocess.Popen([*COMMAND, "serve", "--port", str(port)], stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + START_S
        while _request(port, "GET", "/readyz")[0] != 200:
            assert service.poll() is None, "the service stopped"
            assert time.monotonic() < end, "the service does not start"
            time.sleep(0.2)
        assert _request(port, "GET", "/healthz")[0] == 200
        status, body = _request(port, "POST", "/v1/emotions", Path(recording).read_bytes())
        assert status == 200, body
        label: str = json.loads(body)["label"]
        return label
    finally:
        service.terminate()
        service.wait()


def _request(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Return the status and the body of an answer; status 0 if nothing listens yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_S)
    try:
        connection.request(method, path, body, {"Content-Type": "audio/wav"} if body else {})
        response = connection.getresponse()
        return response.status, response.read()
    except ConnectionRefusedError:
        return 0, b""
    finally:
        connection.close()


if __name__ == "__main__":
    main()
