import json
import re

import jsonschema
import pytest

from audio_emotion import AudioRegion, TimelineConfig, formats, load_model, timeline
from audio_emotion.formats import Result, Source
from audio_emotion.inference.prediction import overall
from audio_emotion.web.page import STATIC
from tests.conftest import ROOT
from tests.sounds import contained, encoded, voice
from tests.web.conftest import SAMPLE, served


@pytest.fixture(scope="module")
def model():
    return load_model(device="cpu")


def test_the_answer_is_that_of_infer(ask, model):
    response = ask(SAMPLE, name="happy.wav")
    answer = Result(Source("happy.wav", model.config.name, "cpu"), model.predict(SAMPLE))
    assert response.headers["content-type"] == "application/json"
    found, wanted = response.json(), json.loads(formats.get_writer("json", model.config.labels).render([answer]))
    assert found.pop("scores") == pytest.approx(wanted.pop("scores"), abs=1e-5)
    assert found == pytest.approx(wanted, abs=1e-5)
    jsonschema.validate(response.json(), formats.schema())


@pytest.mark.parametrize("output", ["json", "jsonl", "csv", "srt", "vtt", "rttm", "audacity", "audformat"])
def test_a_timeline_in_every_format_is_that_of_infer(ask, clip, model, output):
    config = TimelineConfig(window_s=2.0, hop_s=0.5, merge=True, smooth="median", min_confidence=0.3)
    query = f"timeline=1&window=2&hop=0.5&merge=1&smooth=median&min_confidence=0.3&start=1&end=8.5&format={output}"
    response = ask(clip, query)
    segments = list(timeline(model, clip, config=config, part=AudioRegion(1.0, 8.5)))
    answer = Result(Source("clip.wav", model.config.name, "cpu"), overall(segments, model.config), tuple(segments))
    expected = formats.get_writer(output, model.config.labels).render([answer])
    numbers = re.compile(r"-?\d+\.\d{4,}(?:e-\d+)?")
    assert numbers.sub("#", response.text) == numbers.sub("#", expected)
    found, wanted = (list(map(float, numbers.findall(text))) for text in (response.text, expected))
    assert found == pytest.approx(wanted, abs=1e-5)


def test_a_video_of_two_channels_and_silence(ask):
    video = contained([voice(2.0, 48_000)], picture=True)
    assert ask(video, name="film.mp4").json()["label"] in load_model(device="cpu").config.labels
    two = encoded((voice(2.0)[:, None] * [1, 0]).astype("float32"))
    assert ask(two, "channel=2").json()["label"] == "no speech"
    assert ask(two, "channel=2&timeline=true&gate=false").json()["segments"][0]["label"] != "no speech"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("hop=0.01", "hop: Input should be greater than or equal to 0.1"),
        ("hop=5&timeline=1", "use a hop of at most the window"),
        ("start=5&end=2", "expected more than the start"),
        ("format=text", "format: Input should be 'json'"),
        ("smooth=x", "smooth: Input should be"),
        ("hop=nan", "hop"),
        ("start=inf", "start"),
    ],
)
def test_a_wrong_parameter_is_told_in_one_line(ask, query, message):
    response = ask(SAMPLE, query)
    assert response.status_code == 422
    assert message in response.json()["detail"]
    assert list(response.json()) == ["detail"]


def test_models_are_named_and_no_path_is_one(client, ask):
    (model,) = client.get("/v1/models").json()["models"]
    assert (model["name"], len(model["labels"]), model["window_s"]) == ("default", 8, 3.0)
    assert ask(SAMPLE, "model=default").status_code == 200
    for name in ("other", "../../etc", str(ROOT / "audio_emotion" / "weights" / "default")):
        response = ask(SAMPLE, f"model={name}")
        assert response.status_code == 404
        assert "is served; available: default" in response.json()["detail"]


def test_a_model_folder_is_served_by_its_name(ask):
    folder = ROOT / "audio_emotion" / "weights" / "default"
    with served(models=(f"{folder.parent}/./default/../default/.",), idle_s=2.0) as client:
        assert client.get("/v1/models").json()["models"][0]["name"] == "default"


def test_the_state_of_the_service(client, ask):
    ask(SAMPLE)
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}
    metrics = client.get("/metrics").text
    assert re.search(r'audio_emotion_requests_total\{method="POST",route="/v1/emotions",status="200"\} [1-9]', metrics)
    assert re.search(r"audio_emotion_batch_windows_count [1-9]", metrics)
    assert "audio_emotion_requests_in_flight 0.0" in metrics


def test_nothing_comes_from_elsewhere(client):
    pages = [client.get(path) for path in ("/", "/docs")]
    own = [path for path in STATIC.iterdir() if path.suffix in {".js", ".css", ".html", ".svg"}]
    texts = [*(page.text for page in pages), *(path.read_text("utf-8") for path in own)]
    assert all(page.status_code == 200 for page in pages)
    for text in texts:
        assert not re.search(r"(?:https?:)?//(?!www\.w3\.org/2000/svg)[\w.-]+\.\w+", text.replace("wss://", "")), text[
            :200
        ]
    for page in pages:
        assert "default-src 'self'" in page.headers["content-security-policy"]
        for path in re.findall(r'(?:src|href)="([^"#]+)"', page.text):
            assert client.get(path).status_code == 200, path


def test_the_document_names_every_route(client):
    document = client.get("/openapi.json").json()
    assert set(document["paths"]) == {"/v1/emotions", "/v1/models", "/healthz", "/readyz", "/metrics"}
    refs = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert refs <= set(document["components"]["schemas"])


def test_notes_on_a_recording_are_in_json_and_on_the_page(ask, client):
    content = encoded(voice(3, 8_000), 8_000)
    note = "the recording has 8000 Hz, below the model's 16000 Hz: it lacks frequencies that the model uses"
    for query in ("", "timeline=true"):
        assert ask(content, query).json()["notes"] == [note]
    assert "notes" not in ask(encoded(voice(3))).json()
    response = client.post("/page/predict", files={"file": ("clip.wav", content)})
    assert json.loads(response.text.splitlines()[-1])["notes"] == [note]
    film = contained([voice(3, 48_000), voice(3, 48_000, seed=1)], container="matroska")
    assert ask(film).json()["notes"] == [
        "the recording has 2 audio streams, and stream 1 was used: name another one with stream=N"
    ]
