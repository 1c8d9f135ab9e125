"""What the service counts of itself, for ``GET /metrics``: how much, how long and how it ended, never what was said.

The values of every label come from a fixed list or from the configuration, so that no caller can add a series: models,
keys, tools and texts are none.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from providers.spec.errors import (
    ProviderConnectionError,
    ProviderError,
    ProviderProtocolError,
    ProviderTimeoutError,
    RouterError,
)
from router.counting import CountFamily, Counts, DistributionFamily, Observes
from router.logs import RequestRecord
from router.worker_metrics import are_shared, registry_of_workers

_FACES: Final[Mapping[str, str]] = {
    "/v1/chat/completions": "chat",
    "/v1/messages": "messages",
    "/v1/messages/count_tokens": "count_tokens",
    "/v1/responses": "responses",
    "/v1/ai/run": "envelope",
}
_GEMINI_PATHS: Final = ("/v1beta/models/", "/v1/models/")
_UNCOUNTED: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds by whatever watches the service."""

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
"""Upper bounds: from the router's own answers to the longest that a provider may take by default."""

_OWN_STATUS: Final = frozenset({401, 403, 404, 408, 413, 429, 529})
"""A provider's statuses that are counted one by one; the others by their hundred."""

_CALLER_GONE: Final = 499


class Metrics:
    """The counters of one application. Where several processes serve it, what is read is the sum of them all."""

    def __init__(self, providers: Iterable[str]) -> None:
        self._providers = frozenset(providers)
        self._are_shared = are_shared()
        self._registry = registry = CollectorRegistry()
        histogram: Any = Histogram if self._are_shared else DistributionFamily
        counter: Any = Counter if self._are_shared else CountFamily
        requests = histogram(
            "ai_router_request_duration_seconds",
            "From the request to the end of its answer; the count is the number of requests.",
            ("face", "provider", "status", "stream"),
            buckets=_SECONDS,
            registry=registry,
        )
        upstream = histogram(
            "ai_router_upstream_duration_seconds",
            "From sending a request to a provider to its whole answer, or with stream=true to its first content.",
            ("provider", "stream"),
            buckets=_SECONDS,
            registry=registry,
        )
        attempts = counter(
            "ai_router_attempts",
            "Requests sent to providers, by what came of them.",
            ("provider", "outcome"),
            registry=registry,
        )
        fallbacks = counter(
            "ai_router_fallbacks",
            "Answers of a provider that stood in for another.",
            ("provider",),
            registry=registry,
        )
        tokens = counter(
            "ai_router_tokens",
            "Tokens as providers count them.",
            ("provider", "direction"),
            registry=registry,
        )
        adjustments = counter(
            "ai_router_adjustments",
            "What could not be sent or answered as it was written.",
            ("provider", "action"),
            registry=registry,
        )
        verdicts = counter(
            "ai_router_tool_calls",
            "Tool calls in answers, by their verdict.",
            ("provider", "status"),
            registry=registry,
        )
        self._streams = Gauge(
            "ai_router_streams_in_flight",
            "Streamed answers under way.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        Gauge(
            "ai_router_info", "The version that runs.", ("version",), registry=registry, multiprocess_mode="max"
        ).labels(version("ai-router")).set(1)
        # Bound once: to find a child by its labels costs more than to count.
        bind = lru_cache(maxsize=None)
        self._request: Callable[..., Observes] = bind(requests.labels)
        self._sent: Callable[..., Observes] = bind(upstream.labels)
        self._attempt: Callable[..., Counts] = bind(attempts.labels)
        self._fallback: Callable[..., Counts] = bind(fallbacks.labels)
        self._token: Callable[..., Counts] = bind(tokens.labels)
        self._adjustment: Callable[..., Counts] = bind(adjustments.labels)
        self._verdict: Callable[..., Counts] = bind(verdicts.labels)

    # ---- what happens

    def request_ended(self, record: RequestRecord, seconds: float) -> None:
        """A request is over, however it ended."""
        if record.path in _UNCOUNTED:
            return
        provider = record.provider if record.provider in self._providers else "none"
        stream = "true" if record.stream else "false"
        self._request(_face_of(record), provider, _status_of(record), stream).observe(seconds)
        if record.usage is not None:
            self._token(provider, "input").inc(max(record.usage.input_tokens or 0, 0))
            self._token(provider, "output").inc(max(record.usage.output_tokens or 0, 0))
        for action, number in record.adjustments.items():
            self._adjustment(provider, action).inc(number)
        for status, number in record.calls.items():
            self._verdict(provider, status).inc(number)

    def stream_began(self) -> None:
        """A streamed answer has begun."""
        self._streams.inc()

    def stream_ended(self) -> None:
        """It is over, however it ended."""
        self._streams.dec()

    def attempt_answered(self, provider: str, seconds: float, *, stream: bool) -> None:
        """A provider has answered; of a stream, its first content came."""
        self._attempt(provider, "answered").inc()
        self._sent(provider, "true" if stream else "false").observe(seconds)

    def attempt_failed(self, provider: str, error: RouterError) -> None:
        """A provider has failed before there was any content."""
        self._attempt(provider, _outcome_of(error)).inc()

    def stood_in(self, provider: str) -> None:
        """A provider answered where another candidate had failed before."""
        self._fallback(provider).inc()

    # ---- what is read

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Everything counted so far and its content type: Prometheus' text, or OpenMetrics where ``accept`` asks so."""
        encode, content_type = choose_encoder(accept)
        return encode(registry_of_workers() if self._are_shared else self._registry), content_type


def _face_of(record: RequestRecord) -> str:
    face = _FACES.get(record.path)
    if face is not None:
        return face
    if record.path.startswith(_GEMINI_PATHS) and record.method == "POST":
        return "gemini"
    return "explain" if record.path.startswith("/explain/") else "other"


def _status_of(record: RequestRecord) -> str:
    """The hundred of the status; ``broken`` for a stream that ended with an error, ``gone`` where the caller left."""
    if record.status is None or record.status == _CALLER_GONE:
        return "gone"
    if record.error is not None and record.status < 400:
        return "broken"
    return f"{record.status // 100}xx"


def _outcome_of(error: RouterError) -> str:
    match error:
        case ProviderTimeoutError():
            return "timeout"
        case ProviderConnectionError():
            return "connection"
        case ProviderProtocolError():
            return "protocol"
        case ProviderError() if error.status in _OWN_STATUS:
            return str(error.status)
        case ProviderError() if 400 <= error.status < 600:
            return f"{error.status // 100}xx"
        case _:
            return "other"
