"""Tracing as the standard `OTEL_*` variables ask for it."""

import os
from collections.abc import Mapping

from core.telemetry.tracing import Tracing


def open_tracing(
    service_name: str, service_version: str, *, production: bool, environ: Mapping[str, str] = os.environ
) -> Tracing:
    """Return tracing as the `OTEL_*` variables of `environ` ask for it.

    Recorded traces go to `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or `OTEL_EXPORTER_OTLP_ENDPOINT` over OTLP/HTTP.
    The share of them is `OTEL_TRACES_SAMPLER_ARG`, by default a tenth in production and all elsewhere.

    Raises:
        ValueError: `OTEL_TRACES_SAMPLER_ARG` is not a number from 0 to 1.
    """
    ratio = _ratio(environ, default=0.1 if production else 1.0)
    if not _somebody_receives(environ):
        return Tracing()
    from core.telemetry.recording import export_traces

    return export_traces(service_name, service_version, ratio)


def _somebody_receives(environ: Mapping[str, str]) -> bool:
    off = (
        environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
    )
    return not off and bool(
        environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    )


def _ratio(environ: Mapping[str, str], default: float) -> float:
    sampler = environ.get("OTEL_TRACES_SAMPLER", "").removeprefix("parentbased_")
    if sampler in {"always_on", "always_off"}:
        return float(sampler == "always_on")
    written = environ.get("OTEL_TRACES_SAMPLER_ARG", "")
    try:
        ratio = float(written) if written else default
    except ValueError:
        ratio = -1.0
    if not 0.0 <= ratio <= 1.0:
        raise ValueError(f"OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, not {written!r}")
    return ratio
