"""Where a list is cut, and what a partition is called."""

import random

from audio_emotion.batch.cluster.inputs import Input
from audio_emotion.batch.cluster.partitions import make_partitions
from audio_emotion.batch.journal import FileStat

INPUTS = [Input(f"/archive/{n:05}.wav", FileStat(1000 + n, n)) for n in range(3000)]


def test_every_input_is_in_one_partition_in_order():
    partitions = list(make_partitions(INPUTS, 50))
    assert [given for partition in partitions for given in partition.inputs] == INPUTS
    sizes = [len(partition.inputs) for partition in partitions]
    assert all(25 <= size <= 100 for size in sizes[:-1])
    assert 35 < sum(sizes) / len(sizes) < 75
    assert len({partition.name for partition in partitions}) == len(partitions)
    assert [len(partition.inputs) for partition in make_partitions(INPUTS[:5], 1)] == [1] * 5
    assert 1200 < len(list(make_partitions(INPUTS, 2))) < 2200
    assert not list(make_partitions([]))


def test_what_is_added_leaves_the_other_partitions_as_they_were():
    before = {partition.name for partition in make_partitions(INPUTS, 50)}
    place = random.Random(0).randrange(len(INPUTS))
    more = [*INPUTS[:place], Input(INPUTS[place].name[:-4] + "+.wav", FileStat(5, 5)), *INPUTS[place:]]
    more.sort(key=lambda given: given.name)
    assert len(before - {partition.name for partition in make_partitions(more, 50)}) <= 5


def test_a_changed_file_is_another_partition():
    (before,), (after,) = (list(make_partitions([Input("/a.wav", FileStat(1, mtime))])) for mtime in (1, 2))
    assert before.name != after.name


def test_large_files_close_a_partition():
    large = [Input(f"/{n}.wav", FileStat(2**29, n)) for n in range(10)]
    assert [len(partition.inputs) for partition in make_partitions(large)] == [2] * 5
