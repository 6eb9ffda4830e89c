"""``python -m audio_emotion``."""

from audio_emotion.cli import main

if __name__ == "__main__":
    main()
