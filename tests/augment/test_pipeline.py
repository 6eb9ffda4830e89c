import numpy as np

from audio_emotion.augment.pipeline import Sounds
from tests.sounds import RATE, voice

WINDOW = 16_000


def make(seed: int = 0) -> Sounds:
    clips = [
        voice(0.5 + 0.3 * i, seed=i, pitch_hz=100 + 20 * i) for i in range(5)
    ]  # 0.5 to 1.7 s: below and above the window
    return Sounds(clips, RATE, WINDOW, seed)


def test_a_sound_depends_on_seed_number_and_epoch_alone():
    first, second = make(), make()
    forwards = [first.sound(epoch=2, index=i) for i in range(5)]
    backwards = [second.sound(epoch=2, index=i) for i in reversed(range(5))][::-1]
    np.testing.assert_array_equal(forwards, backwards)
    assert not np.array_equal(forwards[0], first.sound(epoch=3, index=0))
    assert not np.array_equal(forwards[0], make(seed=1).sound(epoch=2, index=0))


def test_every_utterance_comes_once_an_epoch_in_another_order():
    sounds = make()
    orders = []
    for epoch in range(4):
        batches = list(sounds.batches(epoch, batch_size=2))
        assert all(windows.shape == (len(numbers), WINDOW) for windows, numbers in batches)
        assert all(windows.dtype == np.float32 for windows, _ in batches)
        for windows, numbers in batches:
            for window, number in zip(windows, numbers, strict=True):
                np.testing.assert_array_equal(window, sounds.sound(epoch, int(number)))
        orders.append([int(n) for _, numbers in batches for n in numbers])
    assert all(len(set(order)) == len(order) == 4 for order in orders), "a last batch of one is left out"
    assert len({tuple(order) for order in orders}) > 1
