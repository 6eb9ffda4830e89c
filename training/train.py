"""`audio-emotion train` as a script: python training/train.py --data DIR ..."""

import sys

from audio_emotion.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "train")
    main()
