"""`audio-emotion infer` as a script: python inference/infer.py FILE..."""

import sys

from audio_emotion.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "infer")
    main()
