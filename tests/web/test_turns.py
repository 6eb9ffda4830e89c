"""Conversations and adaptation: what the service predicts is what `infer` does."""

import json

import numpy as np
import pytest
import soundfile

pytest.importorskip("fastapi", reason="needs the extra `web`")

from audio_emotion import AudioRegion, audio, load_model
from audio_emotion.audio.annotations import read
from audio_emotion.audio.windows import speech_windows
from audio_emotion.inference.adaptation import GroupMean, pooled_vectors
from audio_emotion.inference.speakers import diarize
from audio_emotion.inference.turns import score_turns
from tests.sounds import encoded, voice
from tests.web.browser import SAMPLES

RATE = 16_000
VTT = """WEBVTT

1
00:00:00.200 --> 00:00:02.000
<v Anna>Good morning.

2
00:00:02.500 --> 00:00:07.500
<v Ben>A long turn, which has a timeline of its own.

3
00:00:08.000 --> 00:00:09.000
<v Anna>Bye.
"""


@pytest.fixture(scope="module")
def call(tmp_path_factory):
    """A folder with ten seconds of speech, and a transcript of it."""
    folder = tmp_path_factory.mktemp("call")
    parts = [soundfile.read(SAMPLES / f"{name}.wav")[0] for name in ("happy", "sad", "angry", "calm")]
    soundfile.write(folder / "call.wav", np.concatenate([*parts, *parts])[: 10 * RATE], RATE)
    (folder / "call.vtt").write_text(VTT, "utf-8")
    return folder


@pytest.fixture(scope="module")
def model():
    return load_model(device="cpu")


def send(client, path, query="", **parts):
    """Upload files by the names of their parts."""
    files = {name: (file.name, file.read_bytes()) for name, file in parts.items()}
    return client.post(f"{path}?{query}", files=files)


def stored(client):
    """The names of the files that the service still has."""
    return [path.name for path in client.service.uploads.new_path().parent.iterdir()]


def split(turn):
    """Return what a turn says in words, and its numbers."""
    content = turn if isinstance(turn, dict) else turn.to_dict()
    numbers = [content["start"], content["end"], *content["scores"].values()]
    details = [value for part in content.get("timeline", ()) for value in part["scores"].values()]
    return [content.get(key) for key in ("channel", "speaker", "text", "label")], numbers + details


def assert_same(results, expected):
    assert len(results) == len(expected)
    for result, wanted in zip(map(split, results), map(split, expected), strict=True):
        assert result[0] == wanted[0]
        assert result[1] == pytest.approx(wanted[1], abs=1e-3)


def test_the_turns_of_a_transcript_are_predicted_as_infer_does(client, call, model):
    content = send(client, "/v1/emotions", file=call / "call.wav", segments=call / "call.vtt").json()
    assert_same(content["segments"], list(score_turns(model, call / "call.wav", read(call / "call.vtt").segments[""])))
    assert [turn["speaker"] for turn in content["segments"]] == ["Anna", "Ben", "Anna"]
    assert [speaker["speaker"] for speaker in content["speakers"]] == ["Anna", "Ben"]
    assert content["segments"][1]["timeline"]
    assert stored(client) == ["lock"]


def test_each_turn_is_predicted_from_its_own_channel(client, tmp_path, model):
    left, right = (soundfile.read(SAMPLES / f"{name}.wav")[0] for name in ("happy", "sad"))
    n = min(len(left), len(right))
    soundfile.write(tmp_path / "call.wav", np.stack([left[:n], right[:n]], axis=1), RATE)
    (tmp_path / "call.csv").write_text("start,end,speaker,channel\n0,1.5,Anna,1\n0.2,1.6,Ben,2\n", "utf-8")
    files = {"file": tmp_path / "call.wav", "segments": tmp_path / "call.csv"}
    content = json.loads(send(client, "/page/predict", **files).text.splitlines()[-1])
    expected = list(score_turns(model, tmp_path / "call.wav", read(tmp_path / "call.csv").segments[""]))
    assert_same(content["segments"], expected)
    assert [turn["channel"] for turn in content["segments"]] == [1, 2]
    assert set(content["overviews"]) == {"1", "2"}
    assert_same(send(client, "/v1/emotions", "channel=2", **files).json()["segments"], expected[1:])
    none = send(client, "/v1/emotions", "channel=9", **files)
    assert none.status_code == 422
    assert "no turn is on channel 9" in none.json()["detail"]


def test_entries_that_were_skipped_are_reported(client, call, tmp_path):
    (tmp_path / "bad.vtt").write_text(VTT.replace("00:00:02.000", "00:00:00.100"), "utf-8")
    response = send(client, "/v1/emotions", file=call / "call.wav", segments=tmp_path / "bad.vtt")
    (note,) = json.loads(response.headers["x-audio-emotion-notes"])
    assert note.startswith("bad.vtt, ")
    assert note.endswith("skipped")
    late = VTT.replace("00:00:08.000 --> 00:00:09.000", "00:01:08.000 --> 00:01:09.000")
    (tmp_path / "late.vtt").write_text(late, "utf-8")
    response = send(client, "/page/predict", file=call / "call.wav", segments=tmp_path / "late.vtt")
    content = json.loads(response.text.splitlines()[-1])  # behind progress, if it took long
    assert len(content["segments"]) == 2
    assert content["notes"][0].startswith("call.wav: the segment from 68 to 69 s starts after the end of the recording")


def test_speakers_are_found(client, call, model):
    content = send(client, "/v1/emotions", "speakers=2", file=call / "call.wav").json()
    expected = list(score_turns(model, call / "call.wav", diarize(call / "call.wav", n_speakers=2)))
    assert_same(content["segments"], expected)
    assert content["segments"][0]["speaker"] == "speaker 1"


@pytest.mark.parametrize(
    ("query", "transcript", "reason"),
    [
        ("", b"Dear reader", "letter.txt"),
        ("", b"", "letter.txt"),
        ("", b"\xff\xfe\x00", "letter.txt"),
        ("start=1", VTT.encode(), "leave start and end out"),
        ("speakers=2", VTT.encode(), "leave one of them out"),
        ("speakers=21", None, "speakers: String should match"),
        ("adapt=all", None, "adapt: Input should be 'speaker'"),
        ("", (2**20 + 1) * b"x", "larger than the 1 MiB allowed"),
    ],
)
def test_what_cannot_be_a_conversation_is_refused_in_one_line(client, call, monkeypatch, query, transcript, reason):
    monkeypatch.setattr("audio_emotion.web.uploads._SMALL_BYTES", 2**20)
    files = {"file": ("call.wav", (call / "call.wav").read_bytes())}
    if transcript is not None:
        files["segments"] = ("letter.txt", transcript)
    response = client.post(f"/v1/emotions?{query}", files=files)
    assert response.status_code in {413, 422}, response.text
    assert reason in response.json()["detail"]
    assert "\n" not in response.json()["detail"]
    assert stored(client) == ["lock"]


def test_turns_that_are_too_much_work_are_refused_before_they_are_decoded(client, call, tmp_path):
    times = "\n".join("00:00:00.000 --> 00:00:59.000\nx\n" for _ in range(100))
    (tmp_path / "many.vtt").write_text(f"WEBVTT\n\n{times}", "utf-8")
    response = send(client, "/v1/emotions", file=call / "call.wav", segments=tmp_path / "many.vtt")
    assert response.status_code == 413
    assert "all turns last longer than 120 s" in response.json()["detail"]


def test_adaptation_to_each_speaker_is_that_of_infer(client, call, model):
    segments = read(call / "call.vtt").segments[""]
    content = send(client, "/v1/emotions", "adapt=speaker", file=call / "call.wav", segments=call / "call.vtt").json()
    assert_same(content["segments"], list(score_turns(model, call / "call.wav", segments, adapt=True)))


def test_adaptation_to_each_channel_is_that_of_infer(client, tmp_path, model):
    sides = np.stack([voice(9.0, seed=1), voice(9.0, seed=2, pitch_hz=220.0)], axis=1)
    soundfile.write(tmp_path / "call.wav", sides, RATE)
    query = "timeline=true&channels=each&adapt=speaker&gate=false"
    results = send(client, "/v1/emotions", query, file=tmp_path / "call.wav").json()
    for channel, result in enumerate(results, 1):
        group = model.adapt([encoded(sides[:, channel - 1])], gate=False)
        expected = group.timeline(tmp_path / "call.wav", part=AudioRegion(channel=channel), gate=False)
        assert_same(result["segments"], list(expected))


def test_adaptation_to_a_group_of_recordings_is_that_of_infer(client, model):
    """The sums of /page/pooled make /page/predict adapt to all the recordings, as `infer --adapt all` does."""
    files = [SAMPLES / f"{name}.wav" for name in ("happy", "sad", "angry", "calm", "neutral")]
    sums = [send(client, "/page/pooled", file=file).json() for file in files]
    group = {
        "total": np.sum([own["total"] for own in sums], axis=0).tolist(),
        "n_windows": sum(own["n_windows"] for own in sums),
    }
    mean = GroupMean()
    for file in files:
        mean.add(pooled_vectors(model, speech_windows(audio.load(file, RATE).samples, model.config.window_samples)))
    assert group["n_windows"] == mean.n_windows
    assert group["total"] == pytest.approx(mean.total, rel=1e-3, abs=1e-2)
    parts = {"file": ("sad.wav", files[1].read_bytes()), "adaptation": ("adaptation", json.dumps(group))}
    content = json.loads(client.post("/page/predict?hop=1", files=parts).text.splitlines()[-1])
    assert_same(content["segments"], list(model.adapt(files).timeline(files[1])))
    without = json.loads(send(client, "/page/predict", "hop=1", file=files[1]).text.splitlines()[-1])
    assert without["answer"]["scores"] != pytest.approx(content["answer"]["scores"], abs=1e-3)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"total": [1], "n_windows": 9}', '{"total": 1, "n_windows": "x"}']
)
def test_an_adaptation_that_is_none_is_refused(client, content):
    parts = {"file": ("sad.wav", (SAMPLES / "sad.wav").read_bytes()), "adaptation": ("adaptation", content)}
    response = client.post("/page/predict", files=parts)
    assert response.status_code == 422
    assert response.json()["detail"].startswith("adaptation: expected")


def test_too_little_speech_to_adapt_to_is_noted(client):
    adaptation = json.dumps({"total": [0.0] * 1536, "n_windows": 2})
    parts = {"file": ("sad.wav", (SAMPLES / "sad.wav").read_bytes()), "adaptation": ("adaptation", adaptation)}
    response = client.post("/page/predict", files=parts)
    assert json.loads(response.text.splitlines()[-1])["notes"] == [
        "not adapted: 2 windows with speech, and adaptation needs at least 5"
    ]


def test_models_say_whether_they_can_be_adapted(client):
    assert client.get("/v1/models").json()["models"][0]["adaptable"] is True
