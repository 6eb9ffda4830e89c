import json
import threading

import numpy as np
import pytest
from starlette.websockets import WebSocketDisconnect

from audio_emotion import TimelineConfig, formats, load_model, timeline
from audio_emotion.formats import Result, Source
from tests.sounds import voice

URL = "ws://localhost/v1/stream"


def pcm(samples: np.ndarray) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


def rest(socket) -> tuple[list[str], int]:
    """What is still sent, and the code that the stream is closed with."""
    lines = []
    try:
        while True:
            lines.append(socket.receive_text())
    except WebSocketDisconnect as end:
        return lines, end.code


@pytest.mark.parametrize(("rate", "size"), [(16_000, 1601), (48_000, 30_000)])
def test_it_says_what_a_timeline_of_the_whole_does(client, rate, size):
    sound = pcm(voice(7.0, rate))
    with client.websocket_connect(f"{URL}?sampling_rate={rate}&hop=0.5&min_confidence=0.3") as socket:
        for start in range(0, len(sound), size):
            socket.send_bytes(sound[start : start + size])
        first = socket.receive_text()  # before the end is told
        socket.send_text("end")
        lines, code = rest(socket)
    model = load_model(device="cpu")
    config = TimelineConfig(hop_s=0.5, min_confidence=0.3)
    segments = list(timeline(model, np.frombuffer(sound, "<i2"), rate, config))
    answer = Result(Source("stream", model.config.name, "cpu"), segments[0], tuple(segments))
    expected = formats.get_writer("jsonl", model.config.labels).render([answer]).splitlines()
    assert code == 1000
    found = [json.loads(line) for line in (first, *lines)]
    for got, wanted in zip(found, map(json.loads, expected), strict=True):
        assert got.pop("scores") == pytest.approx(wanted.pop("scores"), abs=1e-4)
        assert got == pytest.approx(wanted, abs=1e-4)


def scores(client, frames: np.ndarray) -> dict[str, float]:
    """The scores of a stream of one window, (n_frames, n_channels) in 16 bits."""
    with client.websocket_connect(f"{URL}?channels={frames.shape[1]}") as socket:
        socket.send_bytes(frames.tobytes())
        socket.send_text("end")
        (line,), _ = rest(socket)
    return json.loads(line)["scores"]


def test_channels_are_mixed(client):
    voices = np.stack([voice(2.0, seed=1), voice(2.0, seed=2, pitch_hz=220.0)], axis=1)
    two = 2 * (voices * 16_383).astype("<i2")  # even, so that the mean has no fraction
    mix = two.mean(axis=1, keepdims=True).astype("<i2")
    assert scores(client, two) == pytest.approx(scores(client, mix), abs=1e-4)
    assert scores(client, two) != pytest.approx(scores(client, two[:, :1]), abs=0.01)


def test_channels_out_of_phase_do_not_cancel_each_other(client):
    mono = (voice(2.0)[:, None] * 32_767).astype("<i2")
    assert scores(client, np.hstack([mono, -mono])) == pytest.approx(scores(client, mono), abs=1e-4)


def test_a_stream_without_sound_has_no_answer(client):
    with client.websocket_connect(URL) as socket:
        socket.send_text("end")
        assert rest(socket) == ([], 1000)


@pytest.mark.parametrize(
    ("query", "message", "reason"),
    [
        ("?model=other", None, "no model 'other' is served"),
        ("?hop=9", None, "use a hop of at most the window"),
        ("", "begin", "expected binary messages"),
        ("", bytes(2 * 16_000 * 61), "longer than the 60 s allowed"),
    ],
)
def test_a_wrong_stream_is_told_why_it_ends(client, query, message, reason):
    with client.websocket_connect(URL + query) as socket:
        if message is not None:
            (socket.send_text if isinstance(message, str) else socket.send_bytes)(message)
        lines, code = rest(socket)
    assert code == 1008
    assert reason in json.loads(lines[-1])["detail"]


def test_a_silent_client_is_given_up(client):
    with client.websocket_connect(URL) as socket:
        lines, code = rest(socket)
    assert code == 1008
    assert json.loads(lines[0])["detail"] == "no samples came for 2 s"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("?sampling_rate=1", "sampling_rate: Input should be greater"),
        ("?channels=0", "channels: "),
        ("?hop=x", "hop: "),
    ],
)
def test_a_parameter_out_of_its_range_ends_the_stream_with_a_reason(client, query, reason):
    with client.websocket_connect(URL + query) as socket:
        (line,), code = rest(socket)
    assert code == 1008
    assert json.loads(line)["detail"].startswith(reason)


def test_empty_messages_do_not_keep_a_stream_open(client):
    with client.websocket_connect(URL) as socket:
        stop = threading.Event()

        def send_nothing() -> None:
            while not stop.wait(0.2):
                socket.send_bytes(b"")

        thread = threading.Thread(target=send_nothing)
        thread.start()
        lines, code = rest(socket)
        stop.set()
        thread.join()
    assert code == 1008
    assert json.loads(lines[0])["detail"] == "no samples came for 2 s"


def test_a_dropped_stream_leaves_its_place(client):
    for _ in range(client.service.config.max_streams + 2):
        with client.websocket_connect(URL) as socket:
            socket.send_bytes(pcm(voice(4.0)))
    for _ in range(100):
        if "audio_emotion_streams 0.0" in client.get("/metrics").text:
            return
    pytest.fail("a place is still taken")
