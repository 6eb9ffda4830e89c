"""Archives bigger than a machine: the batch of :mod:`audio_emotion.batch`, spread over a cluster by Ray Data.

``inputs`` finds the recordings, ``partitions`` cuts their list into pieces, ``engine`` hands those out, ``scorer`` is
the actor that answers them, ``reading`` what its decode workers run, ``store`` the output folder, and ``remote`` what
is in an object store. Nothing here imports ray or pyarrow before it is needed.
"""
