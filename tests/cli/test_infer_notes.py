"""What `infer` notes of recordings whose answers are to be taken with care."""

import json
import re
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from audio_emotion.core.paths import bundled_model_dir
from tests.cli.conftest import Run
from tests.sounds import RATE, contained, encoded, melody, voice


def test_less_than_a_second_is_noted_once_and_to_people_only(infer: Run):
    soundfile.write("word.wav", voice(0.8), RATE)
    soundfile.write("other.wav", voice(0.9, seed=2), RATE)
    assert infer("word.wav").stderr == (
        "audio-emotion: note: word.wav is short, 0.8 s of sound: "
        "the model uses windows of 3 s, so the prediction is unreliable\n"
    )
    assert "note: word.wav is short, 0.8 s of sound (and 1 more): the" in infer("word.wav", "other.wav").stderr
    for options in (["-q"], ["--json"], ["--format", "csv"]):
        silent = infer("word.wav", *options)
        assert (silent.exit_code, silent.stderr) == (0, "")
    assert infer("clip.wav").stderr == "", "two seconds are what models learn from"
    soundfile.write("nothing.wav", np.zeros(RATE // 2), RATE)
    assert infer("nothing.wav").stderr == "", "that nobody speaks is no guess"


def test_low_rates_are_noted_in_one_line(infer: Run):
    for name in ("a.wav", "b.wav"):
        soundfile.write(name, voice(2, 8_000), 8_000)
    assert infer("a.wav", "--json").stderr == (
        "audio-emotion: note: a.wav has 8000 Hz, below the model's 16000 Hz: it lacks frequencies that the model uses\n"
    )
    assert infer("a.wav", "b.wav").stderr.count("\n") == 1


def test_a_file_that_was_cut_off_is_noted_and_a_stream_is_not(infer: Run):
    whole = encoded(voice(4))
    Path("cut.wav").write_bytes(whole[: len(whole) // 2])
    for options in ([], ["--json"], ["--timeline"]):
        result = infer("cut.wav", *options)
        assert (result.exit_code, result.stderr) == (
            0,
            "audio-emotion: note: cut.wav has 2.00 s of sound, but its header says 4.00 s: it is truncated or damaged, "
            "and the prediction only uses the rest\n",
        )
    assert "standard input has 2.00 s of sound" in infer("-", content=whole[: len(whole) // 2]).stderr
    streamed = whole[:40] + b"\xff" * 4 + whole[44:]
    assert infer("-", content=streamed).stderr == ""


@pytest.mark.parametrize("container", ["flac", "matroska"])
def test_a_file_whose_header_counts_more_than_it_holds_is_noted(infer: Run, container: str):
    whole = encoded(voice(9), file_format="FLAC")
    if container == "matroska":
        whole = contained([voice(9, 48_000)], 48_000, container)
    Path("whole").write_bytes(whole)
    Path("cut").write_bytes(whole[: len(whole) * 6 // 10])
    for options in ([], ["--timeline", "--json"]):
        assert infer("whole", *options).stderr == ""
        told = infer("cut", *options).stderr
        assert re.fullmatch(
            r"audio-emotion: note: cut has [3-7]\.\d+ s of sound, but its header says 9\.0\d s.+\n", told
        )
    assert infer("cut", "--end", 2).stderr == ""
    assert infer("whole", "--timeline", "--min-duration", 30).stderr == "", "what was left out was there"


def test_a_film_that_is_longer_than_its_sound_is_whole(infer: Run):
    for container in ("matroska", "mp4"):
        Path("film").write_bytes(contained([voice(0.3, 48_000)], 48_000, container, picture=True))
        assert infer("film", "--json").stderr == ""


def test_a_hole_between_time_stamps_is_no_damage_and_subtitles_follow_the_film(infer: Run):
    Path("gap.mkv").write_bytes(contained([voice(9, 48_000)], container="matroska", hole=(4, 20)))
    result = infer("gap.mkv", "--timeline", "--format", "csv")
    assert result.stderr == ""
    assert float(result.stdout.splitlines()[-1].split(",")[2]) == pytest.approx(29, abs=0.1)
    film = contained([voice(4, 48_000)], container="matroska", picture=True, late_s=5)
    Path("late.mkv").write_bytes(film)
    spoken = infer("late.mkv", "--timeline", "--window", "1", "--format", "srt", "-q").stdout.splitlines()[1]
    assert spoken.startswith("00:00:05,000 --> ")


def test_channels_out_of_phase_are_noted(infer: Run):
    for name in ("anti.wav", "other.wav"):
        soundfile.write(name, np.stack([voice(3), -voice(3)], axis=1), RATE)
    note = "audio-emotion: note: anti.wav: the channels are out of phase, so channel 1 was used instead of their mix\n"
    for options in ([], ["--json"], ["--timeline"]):
        assert infer("anti.wav", *options).stderr == note
    assert infer("anti.wav", "--channels", "1").stderr == ""
    assert "anti.wav (and 1 more): the channels" in infer("anti.wav", "other.wav").stderr
    assert infer("anti.wav", "-q").stderr == ""


def test_several_audio_streams_are_noted_unless_one_is_named(infer: Run):
    Path("obs.mkv").write_bytes(contained([voice(3, 48_000), voice(3, 48_000, seed=1)], container="matroska"))
    assert infer("obs.mkv", "--json").stderr == (
        "audio-emotion: note: obs.mkv has 2 audio streams, and stream 1 was used: name another one with --stream N\n"
    )
    assert infer("obs.mkv", "--stream", "2").stderr == ""


def test_a_piece_of_a_longer_recording_is_whole(infer: Run):
    with av.open("late.mkv", "w") as out:
        stream = out.add_stream("aac", rate=RATE, layout="mono")
        sound = np.float32(voice(3))
        for start in range(0, len(sound), 1024):
            frame = av.AudioFrame.from_ndarray(sound[None, start : start + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE, start + 30 * RATE
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    assert infer("late.mkv").stderr == ""


@pytest.fixture
def no_speech_output(here: Path) -> Path:
    """The bundled model, but its network does not decide what is speech."""
    folder = Path(shutil.copytree(bundled_model_dir(), here / "model"))
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"speech_threshold": None}), "utf-8")
    return folder


def test_music_that_is_given_an_emotion_is_noted_with_vad(infer: Run, no_speech_output: Path):
    soundfile.write("tune.wav", melody(6), RATE)
    text = (
        "has steady tones, as music has: only its level and the changes of its spectrum decided that it is speech; "
        "voice activity detection (--vad) labels music 'no speech' too"
    )
    model = ["--model", no_speech_output]
    plain = infer("tune.wav", *model)
    assert plain.stdout.splitlines()[2].startswith("Predicted emotion: ")
    assert plain.stderr == f"audio-emotion: note: tune.wav {text}\n"
    for options in ([], ["--timeline"], ["--channels", "each"]):
        result = infer("tune.wav", *model, "--json", *options)
        content = json.loads(result.stdout)
        content = content[0] if isinstance(content, list) else content
        assert content["label"] != "no speech"
        assert content["notes"] == [f"the recording {text}"]
        assert result.stderr == plain.stderr
    assert json.loads(infer("tune.wav", *model, "--format", "jsonl").stdout)["notes"] == [f"the recording {text}"]
    assert infer("tune.wav", *model, "-q").stderr == ""
    assert infer("tune.wav", *model, "--no-gate").stderr == ""
    assert infer("long.wav", *model).stderr == "", "a voice is not tonal"


def test_music_that_is_no_speech_needs_no_note(infer: Run):
    soundfile.write("tune.wav", melody(6), RATE)
    soundfile.write("tone.wav", 0.3 * np.sin(np.arange(6 * RATE) / 5), RATE)
    result = infer("tune.wav", "tone.wav", "--format", "csv")
    assert [line.split(",")[3] for line in result.stdout.splitlines()[1:]] == ["no speech", "no speech"]
    assert result.stderr == ""


def test_batches_have_notes_too(infer: Run):
    for name in ("a.wav", "b.wav"):
        soundfile.write(name, voice(2, 8_000), 8_000)
    text = "has 8000 Hz, below the model's 16000 Hz"
    for files in (["a.wav"], ["a.wav", "b.wav"]):  # the second time, one is known from the journal
        result = infer(*files, "--output-dir", "out", "-f", "json", "--jobs", 1)
        assert f"note: {files[-1]} {text}: it lacks" in result.stderr
    for name in ("a.wav.json", "b.wav.json"):
        assert json.loads(Path("out", name).read_text("utf-8"))["notes"] == [
            f"the recording {text}: it lacks frequencies that the model uses"
        ]
    assert [len(content["notes"]) for content in json.loads(Path("out/results.json").read_text("utf-8"))] == [1, 1]


def test_top_k_of_a_format_for_programs_is_noted(infer: Run):
    assert "--top-k only affects the text format" in infer("long.wav", "--json", "--top-k", 1).stderr
