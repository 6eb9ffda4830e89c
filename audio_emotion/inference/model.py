"""A loaded model, and its predictions. Evaluation and every command go through here."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import tee
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast, overload

import numpy as np
import numpy.typing as npt

from audio_emotion.audio.find import expand
from audio_emotion.audio.recordings import Recording, blocks
from audio_emotion.audio.region import FULL, AudioRegion, AudioSource
from audio_emotion.audio.resample import from_frames
from audio_emotion.audio.vad import check_vad
from audio_emotion.core.errors import AudioError, ModelError
from audio_emotion.core.paths import display_path
from audio_emotion.core.types import FloatArray, Prediction, Timeline, Waveform
from audio_emotion.inference.backends import FullRuntime, OutputsRuntime, Runtime, cores, mark_no_speech
from audio_emotion.inference.batching import BatchItem, predict_all, predict_parallel
from audio_emotion.models.adaptation_file import Adaptation
from audio_emotion.models.checkpoint import ModelConfig

if TYPE_CHECKING:
    from audio_emotion.inference.config import Smoothing


class Tensor(Protocol):
    """A torch tensor of samples, (n_samples,) or (n_channels, n_samples), as torchaudio loads them."""

    def detach(self) -> Any: ...


Input = AudioSource | npt.NDArray[Any] | Tensor | Waveform
"""A path, the bytes of a file, an open file, an array, a tensor, or a :class:`Waveform`."""


@dataclass(eq=False, repr=False)
class Model:
    """A loaded model: its description, and the backend that runs it.

    Any number of threads may share one model. Nothing in it changes once it is loaded, an ONNX Runtime session may
    be run by several threads, and so may a torch module in evaluation mode. (The detector behind ``vad`` keeps a
    state, and each thread has its own.)

    >>> from audio_emotion import load_model
    >>> model = load_model(device="cpu")
    >>> model.labels[:3], model.sampling_rate
    (('neutral', 'calm', 'happy'), 16000)

    Attributes:
        config: the content of the model folder's ``config.json``.
        runtime: runs the network on its device.
        backend: ``onnx``, ``onnx-int8`` or ``torch``.
        adaptation: the vectors that adaptation needs; None: the model cannot be adapted.
    """

    config: ModelConfig
    runtime: Runtime
    backend: str
    adaptation: Adaptation | None = None

    def __repr__(self) -> str:
        seconds = self.config.window_samples / self.config.sampling_rate
        return (
            f"Model({self.config.name!r}, {self.config.architecture}, {self.config.sampling_rate} Hz, "
            f"windows of {seconds:g} s, {len(self.config.labels)} labels, {self.backend} on {self.runtime.device})"
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's labels, in the order of its scores."""
        return self.config.labels

    @property
    def sampling_rate(self) -> int:
        """The rate in Hz that every recording is resampled to."""
        return self.config.sampling_rate

    @overload  # a path is a sequence of strings, too; the first signature comes first
    def predict(  # type: ignore[overload-overlap]
        self,
        source: Input,
        sampling_rate: int | None = None,
        *,
        part: AudioRegion = FULL,
        gate: bool = True,
        vad: bool = False,
        name: str | None = None,
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        source: Sequence[Input],
        sampling_rate: int | None = None,
        *,
        part: AudioRegion = FULL,
        gate: bool = True,
        vad: bool = False,
        name: str | None = None,
    ) -> list[Prediction]: ...

    def predict(
        self,
        source: Input | Sequence[Input],
        sampling_rate: int | None = None,
        *,
        part: AudioRegion = FULL,
        gate: bool = True,
        vad: bool = False,
        name: str | None = None,
    ) -> Prediction | list[Prediction]:
        """Predict the emotion of a recording: one prediction, the mean over its windows that hold speech.

        Quiet at both ends is trimmed, as in training. A long recording is decoded as a stream; memory grows by
        2 MB an hour. ``model(source)`` is the same.

        Args:
            source: a path, the bytes of a file, a file object open for reading, samples, or a list of these, which
                returns a list of predictions. Samples are an array, (n_samples,) or (n_samples, n_channels), a torch
                tensor, (n_samples,) or (n_channels, n_samples), floats with full scale at ±1 or integers, or a
                :class:`Waveform`, which has its own rate.
            sampling_rate: Hz; required for arrays and tensors.
            part: the time span, channel and stream to use.
            gate: whether to ignore windows of silence, hum, noise and steady tones.
            vad: whether to ignore windows without a voice too (extra ``vad``).
            name: name of a source that is not a path, for messages.

        Raises:
            AudioError: the recording cannot be decoded or is empty.
            PackageError: ``vad`` without its package.
            TypeError: ``source`` is something else, or an array comes without ``sampling_rate``.

        >>> import numpy as np
        >>> from audio_emotion import load_model
        >>> model = load_model(device="cpu")
        >>> model.predict(np.zeros(16_000), 16_000).label
        'no speech'
        >>> [p.label for p in model(["inference/samples/happy.wav", "inference/samples/sad.wav"])]
        ['happy', 'sad']
        """
        sources = cast(Sequence[Input], source if isinstance(source, list | tuple) else [source])
        readers = [self.reader(item, sampling_rate, part, name) for item in sources]
        given = [BatchItem(read, part.start, part.channel, gate, vad) for read in readers]
        predictions = predict_all(given, self.config, partial(self.logits, gate=gate))
        return predictions if isinstance(source, list | tuple) else predictions[0]

    __call__ = predict

    def predict_batch(
        self,
        waveforms: Sequence[Input],
        sampling_rate: int | None = None,
        *,
        gate: bool = True,
        vad: bool = False,
    ) -> list[Prediction]:
        """Predict several recordings, mostly arrays of samples, whose windows share batches of the model.

        Arguments and errors are those of :meth:`predict`; the first recording that fails raises its error.
        """
        return self.predict(list(waveforms), sampling_rate, gate=gate, vad=vad)

    def timeline(
        self,
        source: Input,
        sampling_rate: int | None = None,
        *,
        hop: float = 1.0,
        window: float | None = None,
        smooth: "Smoothing | None" = None,
        merge: bool = False,
        min_duration: float = 0.0,
        min_confidence: float = 0.0,
        gate: bool = True,
        vad: bool = False,
        part: AudioRegion = FULL,
    ) -> Timeline:
        """Predict emotion over time, and return all segments at once.

        For long recordings :func:`audio_emotion.timeline` yields segment by segment, as they are decoded.

        Args:
            source: as in :meth:`predict`.
            sampling_rate: Hz; required for arrays and tensors.
            hop: seconds from one window to the next.
            window: window length in seconds; None: the model's own.
            smooth: ``median`` or ``viterbi``; None: no smoothing.
            merge: whether adjacent segments with the same label are merged.
            min_duration: seconds; shorter segments are dropped once they are merged.
            min_confidence: below this score, 0 to 1, a segment's label is ``unknown``.
            gate: as in :meth:`predict`.
            vad: as in :meth:`predict`.
            part: as in :meth:`predict`.

        Raises:
            AudioError: as :meth:`predict`.
            UsageError: a value is out of its range.

        >>> from audio_emotion import load_model
        >>> timeline = load_model(device="cpu").timeline("inference/samples/sad.wav", hop=0.5)
        >>> [segment.label for segment in timeline]
        ['sad']
        """
        from audio_emotion.inference.config import TimelineConfig
        from audio_emotion.inference.prediction import overall
        from audio_emotion.inference.timeline import timeline

        config = TimelineConfig(window, hop, merge, min_duration, smooth, min_confidence, gate, vad)
        segments = tuple(timeline(self, source, sampling_rate, config, part))
        return Timeline(overall(segments, self.config, part.channel), segments)

    def predict_files(
        self,
        paths: Iterable[str | PathLike[str]],
        *,
        part: AudioRegion = FULL,
        gate: bool = True,
        vad: bool = False,
    ) -> Iterator[tuple[Path, Prediction | AudioError]]:
        """Yield each path with its prediction, or with its error, which does not stop the others.

        Recordings are read and predicted in groups of sixteen, on as many threads as there are cores.

        >>> from audio_emotion import AudioEmotionError, load_model
        >>> for path, result in load_model(device="cpu").predict_files(["absent.wav"]):
        ...     print(f"failed: {result}" if isinstance(result, AudioEmotionError) else result.label)
        failed: absent.wav: no such file or folder; check the path
        """
        if vad:
            check_vad()
        named, opened = tee(map(Path, paths))
        given = (BatchItem(self.reader(path, None, part), part.start, part.channel, gate, vad) for path in opened)
        forward = partial(self.logits, gate=gate, threads=1)
        yield from zip(named, predict_parallel(given, self.config, forward, cores()), strict=True)

    def predict_folder(
        self,
        folder: str | PathLike[str],
        *,
        recursive: bool = False,
        gate: bool = True,
        vad: bool = False,
    ) -> Iterator[tuple[Path, Prediction | AudioError]]:
        """Like :meth:`predict_files`, for the recordings in a folder, sorted by name.

        Raises:
            AudioError: the folder holds no recordings.
        """
        recordings = expand([folder], recursive)
        if recordings == [Path(folder)]:
            raise AudioError(
                "not a folder with recordings, such as *.wav, *.flac or *.mp3", subject=display_path(folder)
            )
        return self.predict_files(recordings, gate=gate, vad=vad)

    def predict_waveform(self, waveform: Waveform, gate: bool = True, vad: bool = False) -> Prediction:
        """Predict the emotion of a waveform at the model's own sampling rate."""
        given = BatchItem(lambda: [waveform.samples], waveform.start, None, gate, vad)
        return predict_all([given], self.config, partial(self.logits, gate=gate))[0]

    def reader(
        self,
        source: Input,
        sampling_rate: int | None,
        part: AudioRegion = FULL,
        name: str | None = None,
    ) -> Callable[[], Iterable[FloatArray]]:
        """Return a function that yields a recording's blocks at the model's rate, from the start at each call.

        Raises:
            TypeError: ``source`` is no recording, or an array comes without ``sampling_rate``.
            AudioError: an array has samples that are not finite, or no samples.
        """
        if isinstance(source, Waveform):
            sampling_rate, source = source.sampling_rate, source.samples
        elif hasattr(source, "detach") and not hasattr(source, "read"):  # files have a method of that name too
            source = source.detach().cpu().numpy().T  # torchaudio's (n_channels, n_samples), soundfile's turned around
        if isinstance(source, np.ndarray):
            if sampling_rate is None:
                raise TypeError("an array of samples needs its sampling_rate in Hz")
            waveform = from_frames(source, sampling_rate, self.config.sampling_rate, part, name or "array")
            return lambda: [waveform.samples]
        if isinstance(source, str | PathLike | bytes | Recording) or hasattr(source, "read"):
            return partial(blocks, cast(AudioSource, source), self.config.sampling_rate, part, name=name)
        raise TypeError(
            f"cannot read a recording from {type(source).__name__}; expected a path, the bytes of a file, an open "
            "file, an array or a tensor with its sampling_rate, or a list of these"
        )

    def logits(
        self, windows: FloatArray, *, gate: bool = True, shift: FloatArray | None = None, threads: int | None = None
    ) -> FloatArray:
        """Return logits (n_windows, n_labels) of windows (n_windows, window_samples).

        Args:
            windows: at the model's sampling rate.
            gate: whether the row of a window in which the network finds no speech is NaN, where it decides that.
            shift: see :meth:`audio_emotion.inference.backends.OutputsRuntime.outputs`.
            threads: likewise.
        """
        if not isinstance(self.runtime, OutputsRuntime):
            return self.runtime.logits(windows)
        outputs = self.runtime.outputs(windows, shift, threads)
        return mark_no_speech(outputs, self.config.speech_threshold if gate else None)

    def with_shift(self, shift: FloatArray | None) -> "Model":
        """Return this model with a shift (n_pooled,) of its pooled vectors; weights are shared. None: the model itself.

        Raises:
            ModelError: the model cannot be adapted.
        """
        if shift is None:
            return self
        if self.adaptation is None or not isinstance(self.runtime, FullRuntime):
            raise ModelError(f"model {self.config.name!r} cannot be adapted; use another model")
        adaptation = self.adaptation._replace(shift=shift)
        return Model(self.config, self.runtime.with_shift(shift), self.backend, adaptation)

    def adapt(
        self,
        sources: "Input | Sequence[Input]",
        sampling_rate: int | None = None,
        *,
        shrinkage: float | None = None,
        gate: bool = True,
        vad: bool = False,
    ) -> "Model":
        """Return this model adapted to unlabelled recordings of one speaker, microphone or language.

        Nothing is trained: the recordings' mean pooled vector is moved towards the mean of the training data. Five to
        twenty recordings of a few seconds are enough; recordings of different emotions are best. ``config.adaptation``
        of the new model says how many recordings and windows were used.

        Args:
            sources: paths of recordings, folders or patterns; or sources as :meth:`predict` takes them, such as arrays.
            sampling_rate: Hz, of arrays of samples.
            shrinkage: number of windows at which the model is moved half the way; None: the model's own setting.
            gate: whether to ignore windows of silence, hum, noise and steady tones.
            vad: whether to ignore windows without a voice too (extra ``vad``).

        Raises:
            ModelError: the model cannot be adapted.
            AudioError: a recording cannot be decoded, or all of them have fewer than five windows with speech.

        >>> from audio_emotion import load_model
        >>> adapted = load_model(device="cpu").adapt(["inference/samples"])
        >>> adapted.config.adaptation["recordings"]
        8
        """
        from audio_emotion.inference.adaptation import adapted, recordings_of

        return adapted(self, recordings_of(self, sources, sampling_rate, gate, vad), shrinkage)
