"""The service as a process: how it starts, what it prints, how it ends."""

import contextlib
import http.client
import importlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip("fastapi", reason="needs the extra `web`")

from tests.conftest import ROOT
from tests.sounds import encoded, voice


@contextlib.contextmanager
def serving(*options: str):
    """A server in a process of its own, and its port."""
    command = [sys.executable, "-m", "audio_emotion", "serve", "--port", "0", "--device", "cpu", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            line = process.stderr.readline()
            found = re.search(r"serving on http://127\.0\.0\.1:(\d+)/", line)
            assert found, line + process.stderr.read()
            yield process, int(found[1])
        finally:
            process.kill()


def upload(port: int, content: bytes, query: str = "") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    connection.request("POST", f"/v1/emotions?{query}", head + content + b"\r\n--x--\r\n", headers)
    response = connection.getresponse()
    return response.status, response.read()


def metric(port: int, name: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/metrics")
    return float(re.search(rf"^{name} (\S+)$", connection.getresponse().read().decode(), flags=re.MULTILINE)[1])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to handle")
def test_a_slow_client_is_given_up_and_what_is_under_way_is_finished_at_sigterm():
    with serving("--idle-timeout", "0.5") as (process, port):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as slow:
            slow.sendall(b"POST /v1/emotions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n")
            slow.sendall(b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n")
            answer = b""
            while more := slow.recv(4096):
                answer += more
        assert answer.startswith(b"HTTP/1.1 408 ")
        told = []
        long = encoded(voice(20.0))
        client = threading.Thread(target=lambda: told.append(upload(port, long, "timeline=true&hop=0.2")))
        client.start()
        while metric(port, "audio_emotion_batch_windows_count") < 1:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        client.join(60)
        status, content = told[0]
        assert status == 200
        assert content.count(b'"start"') > 80
        assert process.wait(30) == 0
        assert process.stderr.read() == ""
        assert process.stdout.read() == ""


def refused(monkeypatch, capsys, *options: str) -> str:
    from audio_emotion.cli import main

    monkeypatch.setattr(sys, "argv", ["audio-emotion", "serve", *options])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    return told


def test_other_machines_need_a_token(monkeypatch, capsys, tmp_path):
    assert "--token-file" in refused(monkeypatch, capsys, "--host", "0.0.0.0")
    short = tmp_path / "token"
    short.write_text("guess\n")
    assert "at least 16" in refused(monkeypatch, capsys, "--host", "0.0.0.0", "--token-file", str(short))
    assert "cannot be read" in refused(monkeypatch, capsys, "--token-file", str(tmp_path / "none"))


def test_limits_are_numbers_above_nothing(monkeypatch, capsys):
    for value in ("nan", "inf", "0"):
        told = refused(monkeypatch, capsys, "--max-upload", value)
        assert f"'--max-upload': it is {value}, expected more than 0" in told
    assert "'--idle-timeout': it is -1" in refused(monkeypatch, capsys, "--idle-timeout=-1")


def test_a_port_in_use_and_an_address_of_others(monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        told = refused(monkeypatch, capsys, "--port", str(taken.getsockname()[1]))
    assert "choose another --port" in told
    assert "use an address of this machine" in refused(
        monkeypatch, capsys, "--host", "no.such.host.invalid", "--insecure"
    )


def test_a_model_that_is_not_there(monkeypatch, capsys):
    assert "no model 'absent'" in refused(monkeypatch, capsys, "--port", "0", "--model", "absent")


def test_without_its_packages(monkeypatch, capsys):
    module = importlib.import_module("audio_emotion.cli.serve")
    monkeypatch.setattr(module, "_NEEDS", {"fastapi": "fastapi", "not_installed": "not-installed"})
    assert "(not-installed); run: pip install 'audio-emotion[web]'" in refused(monkeypatch, capsys)
