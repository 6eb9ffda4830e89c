"""Many recordings: decoding in worker processes, a journal so that a run can be continued, and clusters.

``run`` is the entry point. ``workers`` decode, ``readers`` is what runs in them, ``scoring`` puts the windows of many
recordings through the model, ``outputs`` writes the files, ``journal`` records what is finished, and ``cluster`` does
the same on many machines.
"""
