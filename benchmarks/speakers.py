"""Diarization of made conversations: the error rate for 2 to 6 speakers, and the cost of an hour.

    pip install pyannote.metrics
    AUDIO_EMOTION_DATA=RECORDINGS python benchmarks/speakers.py           # writes speakers.json
    AUDIO_EMOTION_DATA=RECORDINGS python benchmarks/speakers.py --cost    # only measures the hour

A conversation has 40 turns of one to three clips of one speaker from CREMA-D or RAVDESS, pauses of 0.2 to 1 s between
turns, and every tenth turn starts before the last one has ended. The speakers are every second one of the two corpora:
those that neither the projection nor the settings were chosen on (training/experiments/speakers.md). A turn of the
reference lasts from its first clip's start to its last one's end, with the pauses within. DER is pyannote.metrics'
``DiarizationErrorRate`` with a collar of 0.5 s and overlap skipped, and with neither.
"""

import argparse
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile
from pyannote.core import Annotation
from pyannote.core import Segment as Span
from pyannote.metrics.diarization import DiarizationErrorRate

from audio_emotion.audio.segments import Segment
from audio_emotion.audio.windows import trim
from audio_emotion.core.types import FloatArray
from audio_emotion.corpora import Utterance, crema_d
from audio_emotion.inference import speakers

RATE, N_TURNS, N_CONVERSATIONS = 16_000, 40, 20
RECORD = Path(__file__).with_suffix(".json")


def voices(root: Path, half: int) -> dict[str, list[Path]]:
    """Return the clips of every second speaker of the two corpora; ``half`` is 0 or 1."""
    found: dict[str, list[Path]] = {}
    for path in sorted((root / "crema-d").glob("*.ogg")):
        if isinstance(crema_d.read(path), Utterance):  # four clips are defective
            found.setdefault(path.name[:4], []).append(path)
    for folder in sorted((root / "ravdess-speech").iterdir()):
        found[folder.name] = sorted(folder.iterdir())
    return {name: clips for i, (name, clips) in enumerate(sorted(found.items())) if i % 2 == half}


def conversation(
    clips: Mapping[str, Sequence[Path]], n_speakers: int, n_turns: int, rng: np.random.Generator
) -> tuple[FloatArray, list[Segment]]:
    """Return the samples of a made conversation, and its turns."""
    names = rng.choice(sorted(clips), n_speakers, replace=False)
    gains = dict(zip(names, rng.uniform(0.5, 1.0, n_speakers), strict=True))
    pieces: list[tuple[int, FloatArray]] = []
    turns: list[Segment] = []
    at, previous = RATE // 2, ""
    for number in range(n_turns):
        name = str(rng.choice([other for other in names if other != previous])) if n_speakers > 1 else str(names[0])
        if number % 10 == 9 and turns:  # an interruption
            at -= int(rng.uniform(0.3, 1.0) * RATE)
        start = at
        for _ in range(rng.integers(1, 4)):
            samples = soundfile.read(rng.choice(clips[name]), dtype="float32")[0]
            samples = samples[slice(*trim(samples))]
            pieces.append((at, gains[name] * samples / max(float(np.abs(samples).max()), 1e-6) * np.float32(0.5)))
            at += len(samples) + RATE // 10
        turns.append(Segment(start / RATE, (at - RATE // 10) / RATE, name))
        at += int(rng.uniform(0.1, 0.9) * RATE)
        previous = name
    sound = rng.normal(0, 1e-3, at + RATE).astype(np.float32)
    for start, samples in pieces:
        sound[start : start + len(samples)] += samples
    return sound, turns


def annotation(segments: Sequence[Segment]) -> Annotation:
    found = Annotation()
    for number, segment in enumerate(segments):
        found[Span(segment.start, segment.end), number] = segment.speaker
    return found


def measure(clips: Mapping[str, Sequence[Path]], seed: int) -> dict[str, dict[str, float]]:
    """Return the error rates in percent, by the number of speakers, estimated and given."""
    rows = {}
    for n in (1, 2, 3, 4, 6):
        rng = np.random.default_rng([seed, n])
        auto = DiarizationErrorRate(collar=0.5, skip_overlap=True)
        number_given = DiarizationErrorRate(collar=0.5, skip_overlap=True)
        strict = DiarizationErrorRate()
        counts = []
        for _ in range(N_CONVERSATIONS):
            sound, turns = conversation(clips, n, N_TURNS, rng)
            reference = annotation(turns)
            estimated = speakers.diarize(sound, RATE)
            counts.append(len({segment.speaker for segment in estimated}))
            auto(reference, annotation(estimated))
            strict(reference, annotation(estimated))
            number_given(reference, annotation(speakers.diarize(sound, RATE, n_speakers=n)))
        kinds = ("missed detection", "false alarm", "confusion")
        rows[str(n)] = {
            "der": round(100 * abs(auto), 1),
            **{
                kind.replace(" ", "_"): round(100 * auto.accumulated_[kind] / auto.accumulated_["total"], 1)
                for kind in kinds
            },
            "der_number_given": round(100 * abs(number_given), 1),
            "der_no_collar_with_overlap": round(100 * abs(strict), 1),
            "speakers_found": counts,
        }
        print(n, rows[str(n)], flush=True)
    return rows


def hour_seconds(clips: Mapping[str, Sequence[Path]]) -> float:
    """Return how long the diarization of an hour takes."""
    hour, _ = conversation(clips, 4, 800, np.random.default_rng(2))
    hour = np.resize(hour, 3600 * RATE)
    began = time.monotonic()
    speakers.diarize(hour, RATE)
    return round(time.monotonic() - began, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cost", action="store_true", help="only measure the hour, and keep the other figures")
    given = parser.parse_args()
    clips = voices(Path(os.environ["AUDIO_EMOTION_DATA"]), half=1)
    record = json.loads(RECORD.read_text("utf-8"))
    if not given.cost:
        record = {"conversations_each": N_CONVERSATIONS, "der_percent": measure(clips, seed=1)}
    record["hour_s"] = hour_seconds(clips)
    RECORD.write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    print(record)


if __name__ == "__main__":
    main()
