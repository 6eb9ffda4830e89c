"""Architectures by name. Listing them imports no torch; building one imports its module alone."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from audio_emotion.core.errors import ModelError

if TYPE_CHECKING:
    from audio_emotion.models.emotion_model import EmotionModel


@dataclass(frozen=True)
class Entry:
    """The description of an architecture, without importing its module.

    Attributes:
        module: where it is.
        network: its network, ``NETWORK(config, n_labels)``.
        config: its sizes, a frozen dataclass.
        frontend: the frontend it reads, in :mod:`~audio_emotion.models.frontends`; its config is ``FRONTENDConfig``.
        source: the paper or project that describes it.
        sampling_rate: Hz, of the sound it is trained on unless a config says otherwise; the frontend's default.
        window_s: seconds that it reads at once, likewise.
        graph: what its ONNX graph takes: ``waveform``, or ``features``, where librosa makes them first.
        reads: its input in words.
        pretrained_licence: of the weights that a new network begins with, or that its frontend has.
        n_parameters: how many it has, at its own sizes and with eight labels; 0: as many as its checkpoint.
    """

    module: str
    network: str
    config: str
    frontend: str
    source: str
    sampling_rate: int = 16_000
    window_s: float = 3.0
    graph: Literal["waveform", "features"] = "waveform"
    reads: str = ""
    pretrained_licence: str = ""
    n_parameters: int = 0


_ENTRIES: dict[str, Entry] = {}


def register(name: str, entry: Entry) -> None:
    """Add an architecture; its name must be new."""
    if name in _ENTRIES:
        raise ValueError(f"the architecture {name!r} is registered already, by {_ENTRIES[name].module}")
    _ENTRIES[name] = entry


def entry(name: str) -> Entry:
    """Return the entry of an architecture.

    Raises:
        ModelError: there is no such architecture.
    """
    if name not in _ENTRIES:
        raise ModelError(f"unknown architecture {name!r}; there are: {', '.join(architectures())}")
    return _ENTRIES[name]


def architectures() -> tuple[str, ...]:
    """Return every registered name, sorted.

    >>> architectures()[:3]
    ('acnt', 'cnn-1d', 'cnn-bilstm-attention')
    """
    return tuple(sorted(_ENTRIES))


def config_classes(name: str) -> tuple[type[Any], type[Any]]:
    """Return the dataclasses of an architecture's own sizes and of its frontend's parameters.

    Raises:
        ModelError: no such architecture.
    """
    from audio_emotion.models import frontends

    known = entry(name)
    return getattr(import_module(known.module), known.config), getattr(frontends, known.frontend + "Config")


def build(
    name: str,
    n_labels: int,
    parameters: Mapping[str, Any] | None = None,
    frontend: Mapping[str, Any] | None = None,
) -> "EmotionModel":
    """Build an untrained model from the names and numbers that a model folder holds.

    Raises:
        ModelError: no such architecture, a parameter that it does not have, or a value that it cannot be built with.
    """
    from audio_emotion.models import frontends
    from audio_emotion.models.emotion_model import EmotionModel

    known = entry(name)
    module = import_module(known.module)
    sizes_class, features_class = config_classes(name)
    try:
        features = features_class(**dict(frontend or {}))
        sizes = sizes_class(**{k: _frozen(v) for k, v in (parameters or {}).items()})
        network = getattr(module, known.network)(sizes, n_labels)
        made_by = getattr(frontends, known.frontend)(features)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ModelError(f"{error}", subject=name, hint="check its parameters and its frontend's") from error
    return EmotionModel(
        made_by,
        network,
        sizes=asdict(getattr(network, "config", sizes)),  # a network may complete them
        frontend_config=asdict(features),
    )


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


register(
    "two-channel-cnn",
    Entry(
        module="audio_emotion.models.networks.two_channel_cnn",
        network="TwoChannelCnn",
        config="TwoChannelCnnConfig",
        frontend="MelMfcc",
        source="the two-channel student project",
        reads="log-mel and MFCC, 2 × 64 × 188",
        n_parameters=507_208,
    ),
)

register(
    "acnt",
    Entry(
        module="audio_emotion.models.networks.acnt",
        network="Acnt",
        config="AcntConfig",
        frontend="CoarseLogMel",
        source="the CNN and transformer student project",
        sampling_rate=22_050,
        window_s=4.02,
        reads="log-mel, 40 × 174",
        n_parameters=846_072,
    ),
)

register(
    "study-base",
    Entry(
        module="audio_emotion.models.networks.study_base",
        network="StudyBase",
        config="StudyBaseConfig",
        frontend="LogMelSpectrogram",
        source="the student study of four models",
        reads="log-mel, 64 × 188",
        n_parameters=241_640,
    ),
)

register(
    "study-enhanced",
    Entry(
        module="audio_emotion.models.networks.study_enhanced",
        network="StudyEnhanced",
        config="StudyEnhancedConfig",
        frontend="LogMelSpectrogram",
        source="the student study of four models",
        reads="log-mel, 64 × 188",
        n_parameters=511_016,
    ),
)

register(
    "study-ultimate",
    Entry(
        module="audio_emotion.models.networks.study_ultimate",
        network="StudyUltimate",
        config="StudyUltimateConfig",
        frontend="MelMfcc",
        source="the student study of four models",
        reads="log-mel and MFCC, 2 × 64 × 188",
        n_parameters=1_558_184,
    ),
)

register(
    "study-simplified",
    Entry(
        module="audio_emotion.models.networks.study_simplified",
        network="StudySimplified",
        config="StudySimplifiedConfig",
        frontend="LogMelSpectrogram",
        source="the student study of four models",
        reads="log-mel, 64 × 188",
        n_parameters=2_345_000,
    ),
)

register(
    "cnn-bilstm-attention",
    Entry(
        module="audio_emotion.models.networks.cnn_bilstm_attention",
        network="CnnBilstmAttention",
        config="CnnBilstmAttentionConfig",
        frontend="FrameDescriptors",
        source="the CNN-BiLSTM-attention student project",
        sampling_rate=22_050,
        window_s=20.0,
        graph="features",
        reads="68 descriptors of librosa, 68 × 862",
        n_parameters=5_985_032,
    ),
)

register(
    "cnn-1d",
    Entry(
        module="audio_emotion.models.networks.cnn_1d",
        network="Cnn1d",
        config="Cnn1dConfig",
        frontend="ShortMfcc",
        source="the 1-D CNN student project",
        sampling_rate=8_025,
        window_s=2.5,
        graph="features",
        reads="ZCR, RMS and 20 MFCC, 22 × 40",
        n_parameters=2_726_408,
    ),
)

register(
    "speech-embedding",
    Entry(
        module="audio_emotion.models.networks.speech_embedding",
        network="SpeechEmbedding",
        config="SpeechEmbeddingConfig",
        frontend="NarrowLogMel",
        source="Lin et al. 2020, Google's speech embedding, pretrained",
        reads="log-mel, 32 × 201",
        pretrained_licence="CC-BY-NC-SA-4.0",
        n_parameters=341_000,
    ),
)

register(
    "wav2vec2",
    Entry(
        module="audio_emotion.models.networks.wav2vec2",
        network="Wav2Vec2",
        config="Wav2Vec2Config",
        frontend="RawSound",
        source="Baevski et al. 2020, wav2vec 2.0; Chen et al. 2022, WavLM; Hsu et al. 2021, HuBERT",
        reads="sound, 48000 samples",
    ),
)

register(
    "whisper-tiny",
    Entry(
        module="audio_emotion.models.networks.whisper_tiny",
        network="WhisperTinyHead",
        config="WhisperTinyHeadConfig",
        frontend="WhisperTiny",
        source="Radford et al. 2022, Whisper tiny's encoder as Smart Turn 3.2 tuned it, frozen",
        reads="frames of a frozen encoder of 4.8 million parameters, 384 × 75",
        pretrained_licence="BSD-2-Clause AND MIT",
        n_parameters=396_872,
    ),
)
