import pickle

import pytest

from audio_emotion.audio import probe
from audio_emotion.core.errors import AudioEmotionError, AudioError, NoHomeError, UsageError


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UsageError("no model"), "no model"),
        (AudioError("is empty", subject="a.wav"), "a.wav: is empty"),
        (NoHomeError("no home", hint="set HOME"), "no home; set HOME"),
        (AudioError("is empty", subject="a.wav", hint="record it"), "a.wav: is empty; record it"),
        (AudioEmotionError(), ""),
    ],
)
def test_an_error_is_one_line_of_its_parts_and_keeps_them_between_processes(error: AudioEmotionError, line: str):
    assert str(error) == line
    other = pickle.loads(pickle.dumps(error))
    assert (type(other), str(other)) == (type(error), line)
    assert (other.subject, other.problem, other.hint) == (error.subject, error.problem, error.hint)


def test_an_error_about_a_recording_has_its_name_apart(tmp_path):
    with pytest.raises(AudioError) as error:
        probe(tmp_path / "gone.wav")
    assert error.value.subject == str(tmp_path / "gone.wav")
    assert (error.value.problem, error.value.hint) == ("no such file or folder", "check the path")
