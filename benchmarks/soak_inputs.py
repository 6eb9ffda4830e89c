"""Random inputs of every command, whole ones and damaged ones, for benchmarks/soak.py."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from audio_emotion.core.paths import bundled_model_dir
from tests.sounds import contained, voice

NAMES = (
    *("call.wav", "two words.wav", "ünï.flac", "-dash.wav", "a'b\"c.wav", "no_suffix", "deep/er/x.ogg", "50%.mp3"),
    *("REC 2024.05.01", "film.mp4", "voice note.m4a", "clip.webm", "show.mkv", "radio.aac", "aux.wav", "=1+1.wav"),
)
_CONTAINERS = {
    ".mp4": ("mp4", "aac"),
    ".m4a": ("mp4", "aac"),
    ".webm": ("webm", "libopus"),
    ".mkv": ("matroska", "flac"),
    ".aac": ("adts", "aac"),
}
_WORDS = ("hello", "it's, well", 'a "quoted" word', "ünï", "=SUM(A1)", "two\nlines", "", "a --> b")


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Return bytes with some changed, and some at the end cut off."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 20))):
        if changed:
            changed[rng.integers(len(changed))] = rng.integers(256)
    return bytes(changed[: rng.integers(len(changed) + 1)] if rng.random() < 0.5 else changed)


def sound(rng: np.random.Generator) -> np.ndarray:
    """Return noise, a tone, silence, a voice or samples that are no numbers, at 16 kHz, (n,) or (n, n_channels)."""
    n_samples = int(rng.choice([1, 100, 16_000, 50_000, 200_000]))
    t = np.arange(n_samples) / 16_000
    kind = rng.integers(6)
    if kind == 0:
        samples = rng.normal(0, 0.1, n_samples)
    elif kind == 1:
        samples = 0.3 * np.sin(2 * np.pi * rng.uniform(50, 3000) * t)
    elif kind == 2:
        samples = np.zeros(n_samples)
    else:
        samples = voice(max(1, n_samples) / 16_000, seed=int(rng.integers(1000)), pitch_hz=rng.uniform(80, 250))
    draw = rng.random()
    if draw < 0.15:
        return np.stack([samples, samples[::-1]], 1)
    if draw < 0.2:
        return np.stack([samples, -samples], 1)
    return samples


def write_recording(path: Path, rng: np.random.Generator) -> None:
    """Write a recording in the format of its name; a third are damaged."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = sound(rng)
    if path.suffix in _CONTAINERS:
        container, codec = _CONTAINERS[path.suffix]
        track = np.asarray(samples if samples.ndim == 1 else samples[:, 0], np.float32)
        tracks = [track] * int(rng.integers(1, 3)) if container != "adts" else [track]
        content = contained(tracks, 48_000, container, codec)
    else:
        file_format = {".flac": "FLAC", ".ogg": "OGG", ".mp3": "MP3"}.get(path.suffix, "WAV")
        subtype = str(rng.choice(["PCM_16", "FLOAT", "PCM_24"])) if file_format == "WAV" else None
        if subtype == "FLOAT" and rng.random() < 0.2:
            samples[len(samples) // 2 :] = np.nan
        file = io.BytesIO()
        soundfile.write(file, samples, int(rng.choice([8000, 16_000, 44_100])), format=file_format, subtype=subtype)
        content = file.getvalue()
    path.write_bytes(damaged(content, rng) if rng.random() < 0.3 else content)


def write_recordings(folder: Path, rng: np.random.Generator) -> list[Path]:
    """Put some recordings into a folder, and files that are none; return them all."""
    for name in rng.choice(NAMES, int(rng.integers(1, 6)), replace=False):
        write_recording(folder / name, rng)
    if rng.random() < 0.2:
        (folder / "empty.wav").touch()
    if rng.random() < 0.2:
        (folder / "notes.txt").write_text("no recording", "utf-8")
    return sorted(path for path in folder.rglob("*") if path.is_file())


def write_labelled(folder: Path, rng: np.random.Generator) -> Path:
    """Put recordings into folders of emotions and speakers, and a table next to them; return the table."""
    mark = str(rng.choice([",", ";", "\t"]))
    rows = [mark.join(rng.permutation(["file", "label", "spk"]))]
    for label in ("happy", "sad"):
        for speaker in ("Ann", "ben", "cyd", "dan"):
            path = folder / label / speaker / "1.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            if rng.random() < 0.05:
                write_recording(path, rng)
            else:
                soundfile.write(path, voice(rng.uniform(0.5, 3), seed=int(rng.integers(1000))), 16_000)
            fields = {"file": path.relative_to(folder).as_posix(), "label": label, "spk": speaker}
            rows.append(mark.join(fields[name] for name in rows[0].split(mark)))
    table = folder / "t.csv"
    content = "\r\n".join(rows).encode(str(rng.choice(["utf-8", "utf-8-sig", "utf-16"])))
    table.write_bytes(damaged(content, rng) if rng.random() < 0.3 else content)
    return table


def _clock(seconds: float, mark: str) -> str:
    minutes, seconds = divmod(seconds, 60)
    return f"00:{int(minutes):02}:{seconds:06.3f}".replace(".", mark)


def _rttm(cues: list[tuple[float, float, str]], stem: str) -> str:
    return "".join(f"SPEAKER {stem} 1 {a:.2f} {b - a:.2f} <NA> <NA> ann <NA> <NA>\n" for a, b, _ in cues)


def _srt(cues: list[tuple[float, float, str]], _: str) -> str:
    return "".join(f"{n}\n{_clock(a, ',')} --> {_clock(b, ',')}\n{w}\n\n" for n, (a, b, w) in enumerate(cues, 1))


def _vtt(cues: list[tuple[float, float, str]], _: str) -> str:
    return "WEBVTT\n\n" + "".join(f"{_clock(a, '.')} --> {_clock(b, '.')}\n<v Ann>{w}\n\n" for a, b, w in cues)


def _json(cues: list[tuple[float, float, str]], _: str) -> str:
    return json.dumps({"segments": [{"start": a, "end": b, "text": w, "speaker": "ann"} for a, b, w in cues]})


def _csv(cues: list[tuple[float, float, str]], _: str) -> str:
    return "start;end;speaker\n" + "".join(f"{a:.2f};{b:.2f};ben\n".replace(".", ",") for a, b, _ in cues)


def _labels(cues: list[tuple[float, float, str]], _: str) -> str:
    return "".join(f"{a:.2f}\t{b:.2f}\tann\n" for a, b, _ in cues)


def _textgrid(cues: list[tuple[float, float, str]], _: str) -> str:
    end = max((b for _, b, _ in cues), default=1.0)
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "0", f"{end}", "<exists>", "1"]
    lines += ['"IntervalTier"', '"ann"', "0", f"{end}", f"{len(cues)}"]
    for a, b, words in cues:
        lines += [f"{a}", f"{b}", '"' + words.replace('"', '""') + '"']
    return "\n".join(lines) + "\n"


_TRANSCRIPTS: dict[str, Callable[[list[tuple[float, float, str]], str], str]] = {
    **{".rttm": _rttm, ".srt": _srt, ".vtt": _vtt, ".json": _json, ".csv": _csv, ".txt": _labels},
    ".TextGrid": _textgrid,
}


def write_transcript(folder: Path, recording: str, rng: np.random.Generator) -> Path:
    """Write a file of segments of a recording, in one of seven formats; a third are damaged."""
    ends = np.cumsum(rng.uniform(0, 3, int(rng.integers(0, 6))))
    cues = [(float(max(0.0, end - rng.uniform(-0.5, 3))), float(end), str(rng.choice(_WORDS))) for end in ends]
    suffix = str(rng.choice(list(_TRANSCRIPTS)))
    content = _TRANSCRIPTS[suffix](cues, Path(recording).stem).encode(str(rng.choice(["utf-8", "utf-16", "utf-8-sig"])))
    path = folder / f"segments{suffix}"
    path.write_bytes(damaged(content, rng) if rng.random() < 0.3 else content)
    return path


def write_model(folder: Path, rng: np.random.Generator) -> Path:
    """Copy the bundled model, and damage one of its files."""
    shutil.copytree(bundled_model_dir(), folder / "model")
    path = rng.choice(sorted(path for path in (folder / "model").rglob("*") if path.is_file()))
    path.write_bytes(damaged(path.read_bytes(), rng))
    return folder / "model"


def write_config(folder: Path, rng: np.random.Generator) -> Path:
    """Write settings of training for one epoch; a third are damaged."""
    content = b'architecture = "two-channel-cnn"\nepochs = 1\npatience = 0\nbatch_size = 4\n[optimizer]\nlr = 0.01\n'
    path = folder / "config.toml"
    path.write_bytes(damaged(content, rng) if rng.random() < 0.3 else content)
    return path
