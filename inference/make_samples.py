"""Make the samples beside this script with espeak-ng, and note what the bundled model answers.

Each emotion is spoken with the prosody that the literature gives it (pitch level and range, rate, loudness; Juslin &
Laukka 2003, "Communication of emotions in vocal expression and music performance"; Scherer 2003, "Vocal communication
of emotion"). A few voices, sentences and shades of that prosody are rendered; the rendering that the bundled model is
surest of is kept: the samples show the form of an answer and are no measure of accuracy.

    python inference/make_samples.py
"""

import itertools
import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import soundfile

from audio_emotion import audio, load_model
from audio_emotion.core.emotions import emotions
from audio_emotion.inference.model import Model

FOLDER = Path(__file__).parent / "samples"
VOICES = ("m1", "m3", "m7", "f2", "f3", "f4", "Andy", "linda")
SENTENCES = (
    "The train is leaving in a moment.",
    "There is a letter on the table.",
    "They are coming up the stairs now.",
    "Is that really for me?",
    "You have won the first prize!",
)


@dataclass(frozen=True)
class Prosody:
    """What SSML's prosody element is given: shades of each to try, in per cent of the voice's own."""

    pitch: tuple[int, ...]
    pitch_range: tuple[int, ...]
    rate: tuple[int, ...]
    volume: int


PROSODY = {
    "neutral": Prosody(pitch=(95, 100), pitch_range=(90, 100), rate=(95, 105), volume=100),
    "calm": Prosody(pitch=(80, 90), pitch_range=(60, 80), rate=(75, 85), volume=70),
    "happy": Prosody(pitch=(130, 150), pitch_range=(150, 200), rate=(105, 120), volume=140),
    "sad": Prosody(pitch=(75, 90), pitch_range=(30, 60), rate=(65, 80), volume=60),
    "angry": Prosody(pitch=(110, 140), pitch_range=(140, 190), rate=(110, 130), volume=190),
    "fearful": Prosody(pitch=(140, 170), pitch_range=(50, 90), rate=(125, 150), volume=110),
    "disgust": Prosody(pitch=(70, 85), pitch_range=(80, 110), rate=(70, 85), volume=100),
    "surprised": Prosody(pitch=(130, 150, 180), pitch_range=(180, 220, 260), rate=(95, 115, 130), volume=140),
}


def speak(voice: str, sentence: str, prosody: tuple[int, int, int], volume: int, path: Path) -> None:
    """Render one sentence; ``prosody`` is pitch, range and rate in per cent."""
    pitch, pitch_range, rate = prosody
    ssml = f'<speak><prosody pitch="{pitch}%" range="{pitch_range}%" rate="{rate}%">{sentence}</prosody></speak>'
    command = ["espeak-ng", "-m", "-v", f"en-us+{voice}", "-a", str(volume), "-w", str(path), ssml]
    subprocess.run(command, check=True)


def renderings(emotion: str, folder: Path) -> list[Path]:
    """Render every combination of voice, sentence and shade."""
    asked = PROSODY[emotion]
    shades = itertools.product(asked.pitch, asked.pitch_range, asked.rate)
    paths = []
    for number, (voice, sentence, shade) in enumerate(itertools.product(VOICES, SENTENCES, shades)):
        paths.append(folder / f"{emotion}-{number:03}.wav")
        speak(voice, sentence, shade, asked.volume, paths[-1])
    return paths


def surest(model: Model, emotion: str, paths: list[Path]) -> Path:
    """Return the rendering to which the model gives the emotion the highest probability."""
    return max(paths, key=lambda path: model.predict(path).scores[emotion])


def main() -> None:
    model = load_model(device="cpu")
    answers = {}
    for emotion in emotions():
        with tempfile.TemporaryDirectory() as folder:
            chosen = audio.load(surest(model, emotion, renderings(emotion, Path(folder))), 16_000)
        path = FOLDER / f"{emotion}.wav"
        soundfile.write(path, chosen.samples, chosen.sampling_rate, "PCM_16")
        said = model.predict(path)
        answers[path.name] = {"label": said.label, "scores": {k: round(v, 4) for k, v in said.scores.items()}}
        print(f"{path.name}: {said.label} {said.score:.2f}")
    (FOLDER / "answers.json").write_text(json.dumps(answers, indent=2) + "\n")


if __name__ == "__main__":
    main()
