"""The counters of a service, in Prometheus's format."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """Counters of one service; several services in a process have their own."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.requests = Counter(
            "audio_emotion_requests", "Responses.", ["method", "route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "audio_emotion_request_seconds", "From a request's head to the end of its response.", ["route"],
            registry=registry, buckets=_SECONDS,
        )  # fmt: skip
        self.in_flight = Gauge(
            "audio_emotion_requests_in_flight", "Recordings that arrive, wait or are predicted.", registry=registry
        )
        self.streams = Gauge("audio_emotion_streams", "Open streams.", registry=registry)
        self.sound = Counter("audio_emotion_sound_seconds", "Seconds of sound predicted.", registry=registry)
        self.answers = Counter("audio_emotion_answers", "Recordings predicted.", ["label"], registry=registry)
        self.failures = Counter("audio_emotion_failures", "Recordings without a result.", ["kind"], registry=registry)
        self.batches = Histogram(
            "audio_emotion_batch_windows", "Windows put through the model at once.",
            registry=registry, buckets=(1, 2, 4, 8, 16, 32, 64, 128),
        )  # fmt: skip

    def text(self) -> bytes:
        """Return all of them in Prometheus's text format."""
        return generate_latest(self._registry)
