"""Traces from a partner's request to the webhook that it causes, where OpenTelemetry is installed.

`pip install channel-manager[otel]` and OTEL_EXPORTER_OTLP_ENDPOINT switch them on. What goes with a
job and an event is a W3C `traceparent`; without tracing it is empty and nothing is measured.
"""

import importlib.util
import os
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import structlog

log = structlog.get_logger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
# Told once, when the process starts.
_state = {"on": False}


def start_tracing(part: str) -> None:
    """Send this process's traces to where the environment says; nothing where it says nothing.

    `part` is what the process is: api or worker.
    """
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return
    if importlib.util.find_spec("opentelemetry.sdk") is None:
        log.warning("tracing_not_installed", remedy="pip install 'channel-manager[otel]'")
        return
    # Imported here, since they are an extra.
    from opentelemetry import trace  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    resource = Resource.create({"service.name": "channel-manager", "service.instance.id": part})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    _state["on"] = True


def span(name: str, parent: str = "", **attributes: str) -> AbstractContextManager[Any]:
    """A piece of work, as a child of `parent` (a traceparent) or of what is under way.

    What it gives is OpenTelemetry's span, or None without tracing.
    """
    return _span(name, parent, attributes) if _state["on"] else nullcontext()


@contextmanager
def _span(name: str, parent: str, attributes: dict[str, str]) -> Generator[Any]:
    from opentelemetry import trace  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    propagator = TraceContextTextMapPropagator()
    context = propagator.extract({"traceparent": parent}) if parent else None
    tracer = trace.get_tracer("channel_manager")
    with tracer.start_as_current_span(name, context=context, attributes=attributes) as made:
        yield made


def traceparent() -> str:
    """What names the work that is under way to whoever goes on with it; "" without tracing."""
    if not _state["on"]:
        return ""
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent", "")
