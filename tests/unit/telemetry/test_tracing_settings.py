"""Which traces are recorded, by the standard variables."""

import subprocess
import sys

import pytest

from core.telemetry.setup import open_tracing
from core.telemetry.tracing import Tracing


def opened(**environ: str) -> Tracing:
    return open_tracing("hexastar", "1", production=True, environ=environ)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_without_a_receiver_nothing_is_recorded_and_requests_still_have_trace_ids(environ: dict[str, str]) -> None:
    tracing = opened(**environ)
    span = tracing.server_span("GET", None)
    assert not span.is_recording()
    assert span.get_span_context().is_valid
    assert not tracing.would_record()


@pytest.mark.parametrize("value", ["lots", "-0.1", "1.5", "nan"])
def test_a_share_that_is_none_is_refused_with_the_variables_name(value: str) -> None:
    with pytest.raises(ValueError, match="OTEL_TRACES_SAMPLER_ARG"):
        opened(OTEL_TRACES_SAMPLER_ARG=value)


@pytest.mark.parametrize(
    ("profile", "environ", "share"),
    [
        ("production", {}, 0.1),
        ("development", {}, 1.0),
        ("production", {"OTEL_TRACES_SAMPLER_ARG": "0.25"}, 0.25),
        ("production", {"OTEL_TRACES_SAMPLER": "parentbased_always_on"}, 1.0),
        ("development", {"OTEL_TRACES_SAMPLER": "always_off"}, 0.0),
    ],
)
def test_the_share_follows_the_profile_and_the_variables(profile: str, environ: dict[str, str], share: float) -> None:
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    tracing = open_tracing("hexastar", "1", production=profile == "production", environ=endpoint | environ)
    try:
        recorded = sum(tracing.server_span("GET", None).is_recording() for _ in range(2000)) / 2000
    finally:
        tracing.shutdown()
    assert abs(recorded - share) < 0.06  # six standard deviations


def test_without_a_receiver_neither_sdk_nor_exporter_is_imported() -> None:
    program = (
        "import sys, core.telemetry.entry, core.telemetry.logging, core.telemetry.setup as setup;"
        "setup.open_tracing('a', '1', production=True, environ={});"
        "heavy = ('opentelemetry.sdk', 'opentelemetry.exporter', 'requests');"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
