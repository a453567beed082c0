"""Of a caller's `tracestate`, what is well formed and short goes on, and nothing that looks like a credential."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import TraceState

from core.telemetry.trace_state import MOST_CHARACTERS, trace_state_to_pass_on
from core.telemetry.tracing import continued

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlLW9mLWE"


@pytest.mark.parametrize(
    ("header", "goes_on"),
    [
        ("vendor=1", "vendor=1"),
        ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        (" a=1 ,\tb=2,, ", "a=1,b=2"),
        ("tenant@vendor=a:b/c d", "tenant@vendor=a:b/c d"),
        ("", ""),
        (",", ""),
        ("vendor", ""),
        ("Vendor=1", ""),
        ("a=1,nonsense", ""),
        ("a=1,a=2", ""),
        ("a=b=c", ""),
        ("a=caf\xe9", ""),
        (",".join(f"k{number}=v" for number in range(33)), ""),
        ("a=" + "x" * 10_000, ""),
        (f"a=1,key={JWT},b=2", "a=1,b=2"),
        ("card=4929123456789015", ""),
        ("b=" + "x" * 200 + ",c=1," + "d=" + "y" * 200 + ",e=2,f=" + "z" * 200, "c=1,e=2"),
    ],
)
def test_what_goes_on(header: str, goes_on: str) -> None:
    assert trace_state_to_pass_on(header) == goes_on


def test_of_too_many_short_members_the_first_go_on() -> None:
    members = [f"k{number:02}={'v' * 60}" for number in range(20)]
    kept = trace_state_to_pass_on(",".join(members)).split(",")
    assert kept == members[: len(kept)]
    assert len(",".join(kept)) <= MOST_CHARACTERS < len(",".join(members[: len(kept) + 1]))


@given(st.text(alphabet=st.sampled_from("ab1=,@ \t-_*/\xe9~\x7f"), max_size=60) | st.text(max_size=40))
def test_whatever_goes_on_is_what_the_library_reads_without_a_word(header: str) -> None:
    goes_on = trace_state_to_pass_on(header)
    assert TraceState.from_header([goes_on]).to_header() == goes_on
    assert len(goes_on) <= MOST_CHARACTERS


def test_a_malformed_state_costs_neither_the_trace_nor_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for header in ("my diagnosis", "a=1,a=2", "=,=;", "a=" + "x" * 600, ",".join(f"k{n}=v" for n in range(40))):
            span = continued({"traceparent": TRACEPARENT, "tracestate": header})
            assert span is not None
            assert not span.trace_state
    assert not caplog.records
