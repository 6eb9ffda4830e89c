"""What a larger pretrained network hears before any training: Whisper's smallest encoder, beside the bundled one.

    python training/frozen_whisper.py smart-turn-v3.2-cpu.onnx      # writes training/records/frozen-whisper.json

The file lies in the wheel of ``pipecat-ai`` (``pipecat/audio/turn/smart_turn/data``, BSD 2-Clause): the encoder of
Whisper tiny (Radford et al. 2022, 8 million parameters), which Smart Turn tuned to tell the end of a turn, in 8-bit
integers. Means and deviations of its blocks' output over a clip go to the support vector machine of ``frozen.py``, by
the same nested folds; three minutes of one core.
"""

import argparse
from pathlib import Path

import librosa
import numpy as np
import onnx
import onnxruntime
import torch
from compare import keep
from frozen import NAME, described, judged

from audio_emotion.core.types import FloatArray
from audio_emotion.models import build
from audio_emotion.training.data import middle
from audio_emotion.training.dataset import load_dataset

RECORD = Path(__file__).parent / "records" / "frozen-whisper.json"
OUTPUTS = {
    "block 1, its attention": "add_117",
    "block 1": "add_146",
    "block 2, its attention": "add_239",
    "block 2": "add_268",
    "block 3, its attention": "add_361",
    "block 3": "add_390",
    "block 4, its attention": "add_483",
    "block 4": "add_512",
}
"""Sums after each block's attention, and after all of it."""
TOGETHER = ("block 2, its attention", "block 3, its attention")
RATE, READ_S, FRAME = 16_000, 8, 320  # samples of sound behind one vector of the output


def log_mel(samples: FloatArray) -> FloatArray:
    """Return what Whisper reads of the last 8 s, silence before what is shorter: (1, 80, 800)."""
    samples = samples[-READ_S * RATE :]
    sound = np.zeros(READ_S * RATE, np.float32)
    sound[len(sound) - len(samples) :] = samples
    sound = (sound - sound.mean()) / np.sqrt(sound.var() + 1e-7)
    power = librosa.feature.melspectrogram(y=sound, sr=RATE, n_fft=400, hop_length=160, n_mels=80)[:, :-1]
    log = np.log10(np.maximum(power, 1e-10))
    found: FloatArray = ((np.maximum(log, log.max() - 8) + 4) / 4).astype(np.float32)[None]
    return found


def session(path: Path) -> onnxruntime.InferenceSession:
    """Open the network so that it gives the sums of its blocks too."""
    graph = onnx.load(path)
    for name in OUTPUTS.values():
        graph.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])


def statistics(network: onnxruntime.InferenceSession, samples: FloatArray) -> list[FloatArray]:
    """Return means and deviations of each output over the clip, (2 × 384,) each."""
    said = network.run(list(OUTPUTS.values()), {network.get_inputs()[0].name: log_mel(samples)})
    frames = [one[0, -max(4, len(samples) // FRAME) :] for one in said]
    return [np.concatenate([x.mean(axis=0), x.std(axis=0)]) for x in frames]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    material = load_dataset(())
    sounds = [material.sounds[u.digest] for u in material.corpus.utterances]
    network = session(given.network)
    heard = zip(*(statistics(network, sound) for sound in sounds), strict=True)
    rows = {name: np.stack(found) for name, found in zip(OUTPUTS, heard, strict=True)}
    own = described(build(NAME, 8, {}, {}).eval(), np.stack([middle(sound, 48_000) for sound in sounds]))
    both = np.concatenate([rows[name] for name in TOGETHER], axis=1)
    rows |= {"the attentions of blocks 2 and 3": both, "speech-embedding's blocks": own}
    rows["those attentions, and speech-embedding's blocks"] = np.concatenate([both, own], axis=1)
    record = {}
    for name, row in rows.items():
        record[name] = judged(row, material)
        print(f"{name}: {record[name]}", flush=True)
    keep(RECORD, record)


if __name__ == "__main__":
    main()
