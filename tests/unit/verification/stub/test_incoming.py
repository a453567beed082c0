"""A request as rules see it."""

from urllib.parse import parse_qsl

from hypothesis import example, given
from hypothesis import strategies as st

from plugins.verification.stub.incoming import MAX_PARAMETERS, header_values, may_have_body, query_values


@given(st.text(alphabet="ab=&%+;2 \xe9#", max_size=14))
@example("a=1&b=2&a=3")
@example("&".join(["a=1"] * MAX_PARAMETERS))
@example("&".join(["a=1"] * (MAX_PARAMETERS + 1)))
@example("&".join(["a=%31"] * (MAX_PARAMETERS + 1)))
def test_a_query_is_read_as_the_standard_library_reads_it(query):
    expected: dict[str, list[str]] = {}
    if query.count("&") < MAX_PARAMETERS:
        for name, value in parse_qsl(query, keep_blank_values=True):
            expected.setdefault(name, []).append(value)
    assert query_values(query.encode("latin-1")) == expected


def test_a_header_that_is_repeated_is_one_line():
    assert header_values([(b"accept", b"a"), (b"x", b"1"), (b"accept", b"b")]) == {"accept": "a, b", "x": "1"}


def test_without_an_announcement_only_later_versions_of_http_have_bodies():
    announced = [(b"content-length", b"2")], [(b"transfer-encoding", b"chunked")]
    for version in ("1.0", "1.1", "2", "3"):
        assert all(may_have_body({"headers": headers, "http_version": version}) for headers in announced)
    assert not may_have_body({"headers": [(b"host", b"a")], "http_version": "1.1"})
    assert may_have_body({"headers": [(b"host", b"a")], "http_version": "2"})
