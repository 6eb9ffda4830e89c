"""The card's header, which the hub reads and refuses where a word is not one of its own."""

from dataclasses import replace

import pytest

from audio_emotion.core import paths
from audio_emotion.models import card, checkpoint


@pytest.mark.parametrize(
    ("licence", "lines"),
    [
        ("CC-BY-NC-SA-4.0", ["license: cc-by-nc-sa-4.0"]),
        ("ODbL-1.0", ["license: odbl"]),
        ("unknown", ["license: unknown"]),
        ("research use only", ["license: other", "license_name: research-use-only"]),
        ("CC-BY-NC-SA-4.0 AND unknown", ["license: other", "license_name: cc-by-nc-sa-4.0-and-unknown"]),
    ],
)
def test_a_licence_is_told_in_the_hubs_words(licence: str, lines: list[str]):
    config = checkpoint.read_config(paths.bundled_model_dir())
    text = card.render(replace(config, training={**config.training, "licence": licence}))
    head = text.split("---\n")[1].splitlines()
    assert [line for line in head if line.startswith("license")] == lines
    assert f"Licence of the weights, as of the recordings: {licence}." in text


def test_the_bundled_card_is_what_is_rendered():
    folder = paths.bundled_model_dir()
    assert card.render(checkpoint.read_config(folder)) == (folder / checkpoint.CARD).read_text("utf-8")
