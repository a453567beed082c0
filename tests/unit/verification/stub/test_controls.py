"""The headers by which one request controls the stub."""

import pytest

from plugins.verification.stub.rules.controls import NONE, Controls, InvalidControlError, read_controls
from plugins.verification.stub.rules.faults import FAULTS


def read(*headers: tuple[str, str]) -> Controls:
    return read_controls([(name.lower().encode(), value.encode("latin-1")) for name, value in headers])


def test_a_request_without_controls_asks_for_nothing():
    assert read(("Accept", "*/*"), ("Prefer", "respond-async, wait=10")) is NONE


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("X-Stub-Delay-Ms", "0", Controls(delay=0.0)),
        ("X-Stub-Delay-Ms", "60000", Controls(delay=60.0)),
        ("X-Stub-Delay-Ms", " 50 ", Controls(delay=0.05)),
        ("X-Stub-Session", "a.B_9-" + "x" * 58, Controls(session="a.B_9-" + "x" * 58)),
        ("Prefer", "code=404", Controls(code=404)),
        ("Prefer", 'respond-async, Code="409"; foo=bar', Controls(code=409)),
        *(("X-Stub-Fault", fault, Controls(fault=fault)) for fault in FAULTS),
    ],
)
def test_what_is_acceptable(name, value, expected):
    assert read((name, value)) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("X-Stub-Delay-Ms", value)
            for value in (
                "",
                "-5",
                "+5",
                "60001",
                "999999999",
                "9" * 40,
                "abc",
                "1.5",
                "1e3",
                "0x10",
                "5,5",
                "\xb2",
                "٣".encode().decode("latin-1"),
            )
        ),
        *(("X-Stub-Session", value) for value in ("", "x" * 65, "a b", "a/b", "é", "a\tb")),
        *(("X-Stub-Fault", value) for value in ("", "status-404", "STATUS-503", "timeout,empty", "reset")),
        *(
            ("Prefer", value)
            for value in ("code=", "code", "code=40", "code=4044", "code=999", "code=abc", "code=404, code=409")
        ),
    ],
)
def test_anything_else_is_refused_by_its_name(name, value):
    with pytest.raises(InvalidControlError) as caught:
        read((name, value))
    assert caught.value.header == name


@pytest.mark.parametrize(("name", "value"), [("X-Stub-Delay-Ms", "5"), ("X-Stub-Session", "a"), ("Prefer", "code=404")])
def test_a_control_that_is_there_twice_is_refused(name, value):
    with pytest.raises(InvalidControlError):
        read((name, value), (name, value))
