import numpy as np
import pytest

from audio_emotion.inference.backends.trim_padding import Margin, shortened

MARGIN = Margin(samples=5, step=4)


def sound(size: int, start: int, end: int) -> np.ndarray:
    window = np.zeros(size, np.float32)
    window[start:end] = 0.5
    return window


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, 40, (0, 40)),
        (15, 20, (8, 28)),  # 10 to 25, moved outwards to multiples of four
        (13, 19, (8, 24)),  # 8 to 24 already are
        (3, 10, (0, 16)),
        (33, 38, (28, 40)),
    ],
)
def test_what_has_to_be_read_is_the_sound_and_a_margin(start: int, end: int, expected: tuple[int, int]):
    assert MARGIN.around(sound(40, start, end)) == expected


def test_a_silence_within_the_sound_stays_and_a_window_without_any_is_read_whole():
    window = sound(40, 15, 17) + sound(40, 24, 25)
    assert MARGIN.around(window) == (8, 32)
    assert MARGIN.around(np.zeros(40, np.float32)) == (0, 40)


def test_windows_of_one_length_come_together_with_their_numbers():
    windows = np.stack([sound(40, 15, 20), sound(40, 0, 40), sound(40, 19, 24), sound(40, 3, 10)])
    groups = list(shortened(windows, MARGIN))
    assert [part.shape for _, part in groups] == [(1, 16), (2, 20), (1, 40)]
    assert [numbers.tolist() for numbers, _ in groups] == [[3], [0, 2], [1]]
    for numbers, part in groups:
        np.testing.assert_array_equal(part.sum(axis=1), windows[numbers].sum(axis=1))


def test_a_graph_that_says_nothing_reads_whole_windows():
    assert Margin.of({}) == Margin()
    assert not Margin().divides(40)
    assert Margin.of(MARGIN.to_metadata() | {"licence": "MIT"}) == MARGIN
    assert MARGIN.divides(40)
    assert not MARGIN.divides(42)
