"""A call that nobody made: two channels, six minutes, and its transcript in whisperX's JSON.

``python -m tests.made_call FOLDER`` writes ``call.wav`` and ``call.json``. The sound is that of the eight clips in
``inference/samples``, so both speakers have the same voice. Names and words are invented and
are not what the clips say.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

SAMPLES = Path(__file__).parents[1] / "inference" / "samples"
RATE = 16_000
DURATION_S = 360
NAMES = ("ANNA", "BEN")
LINES: tuple[tuple[int, str, str], ...] = (
    (0, "calm", "Good morning, this is Anna. How can I help you today?"),
    (1, "neutral", "Hi, it's Ben Lee. I'm calling about an order from last week."),
    (0, "calm", "Of course. Can you give me the order number, please?"),
    (1, "neutral", "It's four, seven, one, one, two."),
    (0, "happy", "Thank you, I have found it. A blue garden chair, is that right?"),
    (1, "sad", "Yes. It arrived yesterday, and one of its legs is broken."),
    (0, "sad", "Oh, I'm sorry to hear that."),
    (1, "angry", "And this is the second time! The first one never arrived at all!"),
    (0, "neutral", "I see the first delivery here. It was sent back to us in March."),
    (1, "angry", "Nobody told me. I stayed home for two days and waited!"),
    (0, "calm", "I understand. Let me see what I can do for you."),
    (1, "disgust", "Honestly, the box smelled of petrol, too."),
    (0, "surprised", "Petrol? That should not happen."),
    (1, "fearful", "I was afraid to leave it in the hall overnight."),
    (0, "calm", "Please leave it outside. We will pick it up tomorrow."),
    (1, "neutral", "Tomorrow? At what time?"),
    (0, "neutral", "Between eight and ten in the morning."),
    (1, "angry", "I have to work then! It's the same every time!"),
    (0, "calm", "Then let us look at another day. How about Saturday?"),
    (1, "surprised", "On Saturday? You can do that?"),
    (0, "happy", "Yes, and we can bring the new chair at the same time."),
    (1, "neutral", "That would be all right."),
    (0, "calm", "May I read your address to you?"),
    (1, "neutral", "Please do."),
    (0, "neutral", "It says twelve, Mill Lane, second floor, on the left."),
    (1, "disgust", "No, no. That is the old address. I moved half a year ago."),
    (0, "surprised", "Oh! Then the first chair went to Mill Lane."),
    (1, "surprised", "So that's why it never arrived!"),
    (0, "sad", "Yes. I'm sorry, the old address was still in the order."),
    (1, "sad", "I changed it on your page. I even have the confirmation here."),
    (0, "neutral", "Could you read me the number at the top of it?"),
    (1, "neutral", "Nine, nine, zero, three, one."),
    (0, "calm", "Thank you. Now I see it. It was entered after the order was packed."),
    (1, "angry", "That is not my mistake! Somebody should have checked that!"),
    (0, "calm", "You are right, and I will pass that on."),
    (1, "neutral", "So what is the new address in your system?"),
    (0, "neutral", "Thirty, Harbour Street, ground floor."),
    (1, "calm", "Yes, that's it. That one is correct."),
    (0, "happy", "Wonderful. Then Saturday between nine and eleven, at Harbour Street."),
    (1, "fearful", "And what if nobody comes again? I can't wait for another day."),
    (0, "calm", "You get a message when the driver is half an hour away."),
    (1, "neutral", "All right. And the broken chair?"),
    (0, "neutral", "The driver takes it back. You don't have to pack it."),
    (1, "happy", "Good, because the box is already in the bin."),
    (0, "happy", "That's no problem at all. I'm also taking the delivery fee off your bill."),
    (1, "surprised", "Really? I didn't expect that."),
    (0, "happy", "It's the least we can do after two deliveries."),
    (1, "happy", "That is really kind of you. Thank you!"),
    (0, "calm", "You're welcome. Is there anything else I can do for you?"),
    (1, "calm", "No, that's all. Thanks for taking the time."),
    (0, "calm", "Thank you for your patience. Goodbye, Mr. Lee."),
    (1, "happy", "Have a nice day. Goodbye!"),
)
"""The channel, the clip and the words of each turn; they start again until the call is full."""


def make_call(folder: Path) -> tuple[Path, Path]:
    """Write the call and its transcript; return their paths."""
    sound = np.zeros((DURATION_S * RATE, 2), np.float32)
    clips = {path.stem: soundfile.read(path, dtype="float32")[0] for path in sorted(SAMPLES.glob("*.wav"))}
    segments: list[dict[str, Any]] = []
    end = 1.0
    for turn in range(1000):
        speaker, emotion, text = LINES[turn % len(LINES)]
        # A clip for each six words. Three clips are more than the model's window; every fifth turn starts early.
        n_clips = 1 + min(2, len(text.split()) // 6)
        samples = np.concatenate([clips[emotion]] * n_clips)
        start = round(end - 0.4 if turn % 5 == 4 else end + 0.6, 3)
        end = round(start + len(samples) / RATE, 3)
        if end > DURATION_S:
            break
        first = round(start * RATE)
        sound[first : first + len(samples), speaker] += samples
        segments.append(_segment(start, end, text, speaker))
    soundfile.write(folder / "call.wav", sound, RATE)
    content = {"segments": segments, "word_segments": [word for entry in segments for word in entry["words"]]}
    (folder / "call.json").write_text(json.dumps(content, indent=1), "utf-8")
    return folder / "call.wav", folder / "call.json"


def _segment(start: float, end: float, text: str, speaker: int) -> dict[str, Any]:
    """Return a segment as whisperX writes it, with the channel of the speaker; words follow each other evenly."""
    words = text.split()
    step = (end - start) / len(words)
    return {
        "start": start,
        "end": end,
        "text": f" {text}",
        "speaker": NAMES[speaker],
        "channel": speaker + 1,
        "words": [
            {
                "word": word,
                "start": round(start + i * step, 3),
                "end": round(start + (i + 1) * step, 3),
                "score": 0.9,
                "speaker": NAMES[speaker],
            }
            for i, word in enumerate(words)
        ],
    }


if __name__ == "__main__":
    print(*make_call(Path(sys.argv[1])))
