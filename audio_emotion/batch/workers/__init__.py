"""Decoding in processes of its own, so that a file that crashes, hangs or swallows memory costs no other file.

``pool`` is the side that asks for many recordings, ``crew`` the one that asks for one at a time, ``process`` one worker
as they see it, ``child`` the program in the worker, ``wire`` the form of what passes between them, and ``terms`` what
both sides call it.
The workers import numpy and a reader, and never torch or a model. What comes from them is JSON and raw samples, not
pickles: a decoder that a damaged recording takes over has no way to run code in the process that it talks to.
"""

from audio_emotion.batch.workers.pool import WorkerPool
from audio_emotion.batch.workers.process import WorkerProcess
from audio_emotion.batch.workers.stream import WorkerStream
from audio_emotion.batch.workers.types import Failure, Limits, Reader, WindowBatch

__all__ = ["Failure", "Limits", "Reader", "WindowBatch", "WorkerPool", "WorkerProcess", "WorkerStream"]
