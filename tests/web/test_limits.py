"""What a client may cost: connections, time, memory, and the patience of the others."""

import contextlib
import http.client
import io
import json
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile

pytest.importorskip("fastapi", reason="needs the extra `web`")

from audio_emotion.inference.config import TimelineConfig
from audio_emotion.web import jobs, page, readers, upload_task
from audio_emotion.web.batcher import MAX_BATCH
from tests.conftest import ROOT
from tests.sounds import encoded, voice
from tests.web.browser import SERVICES, live
from tests.web.conftest import SAMPLE, served

BOUNDARY = "multipart/form-data; boundary=B"


def form(content: bytes) -> bytes:
    return b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + content + b"\r\n--B--\r\n"


@pytest.mark.skipif(sys.platform != "linux", reason="needs ulimit")
def test_1100_connections_without_a_complete_head_leave_the_service_alive():
    """As many as the system lets the server open: it closes the oldest of them, and says so once."""
    command = f"ulimit -n 1024 && exec {sys.executable} -m audio_emotion serve --port 0 --device cpu"
    with subprocess.Popen(["bash", "-c", command], cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            port = int(re.search(r":(\d+)/", process.stderr.readline())[1])
            with contextlib.ExitStack() as stack:
                for _ in range(1100):
                    half = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
                    with contextlib.suppress(OSError):  # it may be closed already
                        half.sendall(b"POST /v1/emotions HTTP/1.1\r\nHost: localhost\r\n")
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
                connection.request("GET", "/healthz")
                assert connection.getresponse().status == 200
        finally:
            process.terminate()
            errors = process.stderr.read()
    assert errors.count("without a complete request") == 1
    assert errors.count("\n") < 5


def test_a_head_that_does_not_come_is_given_up():
    with live(head_s=0.3) as address:
        port = urlsplit(address).port
        with socket.create_connection(("127.0.0.1", port), timeout=10) as half:
            half.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
            assert half.recv(100) == b""
        with socket.create_connection(("127.0.0.1", port), timeout=10) as second:
            # the second head of a connection counts as well
            second.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200 OK" in second.recv(10_000)
            second.sendall(b"GET /healthz HTTP/1.1\r\n")
            while content := second.recv(10_000):
                assert b"HTTP/1.1" not in content


def test_a_request_that_needs_too_many_windows_is_refused_before_it_starts(ask, monkeypatch):
    sound = encoded(voice(30.0), 16_000, "FLAC")
    with served(max_windows=100, idle_s=2.0) as small:
        with monkeypatch.context() as patch:
            patch.setattr(upload_task.UploadTask, "_run_model", lambda *_: pytest.fail("it started"))
            response = ask(sound, "timeline=true&hop=0.1", by=small)
        assert response.status_code == 413
        assert "windows of the model or more, more than the 100 allowed; use a longer hop" in response.json()["detail"]
        assert ask(sound, "timeline=true&hop=1", by=small).status_code == 200


def test_windows_are_counted_for_long_ones_too(client):
    config = client.service.model("").config
    hour = jobs.PredictRequest("", TimelineConfig(window_s=30.0, hop_s=0.1), None, over_time=True)
    assert upload_task.count_windows(3600.0, hour, config) == 36_000 * 19
    assert upload_task.count_windows(3600.0, jobs.PredictRequest("", TimelineConfig(), None), config) == 2400


def test_long_windows_reach_the_model_in_small_batches(client, ask, monkeypatch):
    """Batches of any size made the runtime keep memory for the largest of them for good."""
    runtime, sizes = client.service.model("").runtime._runtime, []
    original = runtime.outputs
    monkeypatch.setattr(runtime, "outputs", lambda windows: sizes.append(len(windows)) or original(windows))
    assert ask(encoded(voice(40.0)), "timeline=true&window=30&hop=0.5").status_code == 200
    assert sum(sizes) > 300
    assert max(sizes) <= MAX_BATCH


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_long_windows_cost_little_memory_and_give_it_back():
    """342 windows of the model for 18 of 30 s; all at once they take hundreds of MiB, which the allocator keeps."""

    def resident(pid: int) -> tuple[float, float]:
        status = Path(f"/proc/{pid}/status").read_text()
        return tuple(int(re.search(rf"{name}:\s+(\d+)", status)[1]) / 1024 for name in ("VmRSS", "VmHWM"))

    def post(port: int, query: str, seconds: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=240)
        connection.request("POST", f"/v1/emotions?{query}", form(encoded(voice(seconds))), {"Content-Type": BOUNDARY})
        assert connection.getresponse().status == 200

    command = [sys.executable, "-m", "audio_emotion", "serve", "--port", "0", "--device", "cpu"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            port = int(re.search(r":(\d+)/", process.stderr.readline())[1])
            post(port, "timeline=true&hop=0.1", 12.0)  # full batches of usual windows
            before, _ = resident(process.pid)
            post(port, "timeline=true&window=30&hop=0.3", 35.0)
            after, peak = resident(process.pid)
        finally:
            process.terminate()
    assert peak < before + 200
    assert after < 1.2 * before


def test_a_decode_worker_hands_over_few_windows_at_once(tmp_path):
    (tmp_path / "long.wav").write_bytes(encoded(voice(40.0)))
    config = {"window_s": 30.0, "hop_s": 0.1}
    chunks = readers.read(str(tmp_path / "long.wav"), 16_000, 48_000, 60.0, {}, config, task="windows", over_time=True)
    assert max(len(chunk.windows) for chunk in chunks) <= 19


def test_a_short_request_overtakes_long_ones():
    """The model is held for all windows of the long requests; the short one is predicted nevertheless."""
    with served(jobs=1, duration_s=600.0) as client:
        batcher = client.service.model("").runtime
        started, leave = threading.Event(), threading.Event()
        original = batcher.outputs

        def held(windows, shift=None, threads=None, *, urgent=True):
            if not urgent:
                started.set()
                leave.wait(60)
            return original(windows, shift, urgent=urgent)

        batcher.outputs = held
        long = encoded(voice(300.0, 8_000), 8_000)
        statuses = []

        def post_long() -> None:
            response = client.post("/v1/emotions?timeline=true", files={"file": ("long.wav", long)})
            statuses.append(response.status_code)

        threads = [threading.Thread(target=post_long) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert started.wait(60)
        assert client.post("/v1/emotions", files={"file": SAMPLE.read_bytes()}).status_code == 200
        assert statuses == []
        leave.set()
        for thread in threads:
            thread.join(120)
        assert statuses == [200, 200, 200]


def test_work_stops_when_the_client_leaves():
    with live(jobs=1, duration_s=3600.0) as address:
        server = SERVICES[address]
        runtime = server.model("").runtime._runtime
        n_windows, original, seen = [], runtime.outputs, threading.Event()

        def slow(windows):
            n_windows.append(len(windows))
            seen.set()
            time.sleep(0.05)
            return original(windows)

        runtime.outputs = slow
        body = form(encoded(voice(600.0, 8_000), 8_000))
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(address).port, timeout=60)
        connection.request("POST", "/v1/emotions?timeline=true&hop=0.1", body, {"Content-Type": BOUNDARY})
        assert seen.wait(60)
        connection.sock.close()
        connection.close()
        for _ in range(200):
            if not list(server.uploads.new_path().parent.glob("?" * 32)):
                break
            time.sleep(0.1)
        else:
            pytest.fail("the upload is still there")
        count = len(n_windows)
        time.sleep(0.5)
        assert len(n_windows) == count


def test_what_waits_is_dropped_when_the_client_leaves():
    job = jobs.Job()
    job.cancel()
    with pytest.raises(jobs.Cancelled):
        job.check()


def test_slow_logins_do_not_shut_others_out():
    token = "a-token-nobody-guesses"
    with live(token=token, jobs=1, max_queue=1) as address, contextlib.ExitStack() as stack:
        port = urlsplit(address).port
        for _ in range(10):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            slow.sendall(
                b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                b"Content-Length: 100\r\n\r\ntoken="
            )
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        headers = {"Content-Type": BOUNDARY, "Authorization": f"Bearer {token}"}
        connection.request("POST", "/v1/emotions", form(SAMPLE.read_bytes()), headers)
        assert connection.getresponse().status == 200


def test_the_body_of_a_login_is_short():
    with served(token="a-token-nobody-guesses") as client:
        response = client.post("/login", data={"token": "x" * 5000})
        assert response.status_code == 413
        assert "larger than the 4096 bytes allowed" in response.json()["detail"]


def test_an_estimated_duration_is_no_reason_to_refuse(ask, monkeypatch):
    """A quiet beginning makes FFmpeg guess many times the duration of ADTS from its bit rate."""
    av = pytest.importorskip("av")
    file = io.BytesIO()
    with av.open(file, "w", format="adts") as container:
        stream = container.add_stream("aac", rate=44_100)
        stream.bit_rate = 192_000
        generator = np.random.default_rng(0)
        for n, level in ((5, 0.0), (40, 0.3)):
            for _ in range(n * 43):
                samples = (level * generator.normal(0, 1, (1, 1024))).clip(-1, 1).astype(np.float32)
                frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
                frame.sample_rate = 44_100
                for packet in stream.encode(frame):
                    container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    with av.open(io.BytesIO(file.getvalue())) as container:
        assert container.duration / 1e6 > 90  # otherwise this shows nothing
    assert ask(file.getvalue(), name="q.aac").status_code == 200


def test_the_channels_of_a_call_are_predicted_by_themselves(ask):
    left, right = voice(3.0, seed=1), voice(3.0, seed=2)
    left[24_000:] = 0
    right[:24_000] = 0
    call = encoded(np.stack([left, right], axis=1))
    for choice, n in (("mix", 1), ("each", 2), ("auto", 2)):
        content = ask(call, f"timeline=true&channels={choice}").json()
        results = content if isinstance(content, list) else [content]
        assert [result.get("channel") for result in results] == ([None] if n == 1 else [1, 2])
    same = encoded(np.stack([left, left], axis=1))
    assert isinstance(ask(same, "channels=auto").json(), dict)
    assert ask(call, "channels=each&format=csv").text.count("\n") == 3
    refused = ask(call, "channels=each&format=srt")
    assert refused.status_code == 422
    assert "use channel=NUMBER" in refused.json()["detail"]


def test_the_page_gets_a_recording_that_browsers_can_play(client):
    aiff = encoded(voice(2.5, 44_100), 44_100, "AIFF")
    response = client.post("/page/audio", files={"file": ("a.aiff", aiff)})
    samples, rate = soundfile.read(io.BytesIO(response.content))
    assert (response.headers["content-type"], rate, len(samples)) == ("audio/wav", 16_000, 40_000)
    assert [path.name for path in client.service.uploads.new_path().parent.iterdir()] == ["lock"]


def test_the_page_hears_of_progress_and_then_the_result(client, monkeypatch):
    monkeypatch.setattr(page, "_QUICK_S", 0.0)
    monkeypatch.setattr(page, "_PROGRESS_S", 0.05)
    response = client.post("/page/predict", files={"file": ("a.wav", encoded(voice(20.0)))})
    *progress, last = map(json.loads, response.text.splitlines())
    assert progress
    assert all(set(line) == {"progress"} for line in progress)
    keys = {"answer", "segments", "overview", "documents", "lanes", "channel", "notes", "overviews", "conversation"}
    assert set(last) == keys
    broken = client.post("/page/predict", files={"file": ("a.wav", b"nonsense")})
    last = json.loads(broken.text.splitlines()[-1])
    assert last["status"] == 422
    assert last["detail"].startswith("a.wav: cannot be decoded")
