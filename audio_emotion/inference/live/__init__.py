"""Live recognition: a microphone, or a file that is played in real time → predictions during the sound.

A source (:class:`Microphone`, :class:`PlayedFile`) gives blocks of sound, a :class:`Session` answers them, and
:func:`run` hands the answers to whoever shows or writes them. PortAudio calls from a thread of its own, which copies
each block into a bounded queue and does nothing else; all other work is done by the thread that calls :func:`run`.
"""

from audio_emotion.inference.live.devices import Device, Inputs, PortAudio, choose
from audio_emotion.inference.live.recording import LineFile, WavFile
from audio_emotion.inference.live.session import LiveResult, Output, Session, Summary, run
from audio_emotion.inference.live.sources import Block, LiveSource, Microphone, PlayedFile, Waiting

__all__ = [
    "Block",
    "Device",
    "Inputs",
    "LineFile",
    "LiveResult",
    "LiveSource",
    "Microphone",
    "Output",
    "PlayedFile",
    "PortAudio",
    "Session",
    "Summary",
    "Waiting",
    "WavFile",
    "choose",
    "run",
]
