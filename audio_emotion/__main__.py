"""``audio-emotion``, and ``python -m audio_emotion``."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C ends it quietly while its modules are still being loaded, too."""
    try:
        from audio_emotion.cli import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
