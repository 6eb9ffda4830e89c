"""Archives that are too large for one machine: Ray Data distributes the batch of :mod:`audio_emotion.batch`.

``inputs`` finds the recordings, ``partitions`` splits their list, ``engine`` distributes the partitions, ``actor``
predicts them, ``readers`` runs in its decode workers, ``store`` is the output folder, and ``remote`` reads from object
stores. Nothing here imports ray or pyarrow before it is needed.
"""
