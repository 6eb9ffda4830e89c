"""Decoding in worker processes, so that a file that crashes, hangs or uses up memory affects no other file.

``pool`` reads one recording at a time for any thread, ``stream`` many recordings through a pool, ``process`` is one
worker as they see it, ``main`` the program in the worker, ``ipc`` the messages between them, and ``types`` the values
that both sides use.
Workers import numpy and a reader, and never torch or a model. They send JSON and raw samples, not pickles: a decoder
that a damaged recording takes over cannot run code in the main process.
"""

from audio_emotion.batch.workers.pool import WorkerPool
from audio_emotion.batch.workers.process import WorkerProcess
from audio_emotion.batch.workers.stream import WorkerStream
from audio_emotion.batch.workers.types import Failure, Limits, Reader, WindowBatch

__all__ = ["Failure", "Limits", "Reader", "WindowBatch", "WorkerPool", "WorkerProcess", "WorkerStream"]
