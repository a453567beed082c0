"""What the outermost layer promises for every exchange."""

import asyncio
import re
import string

import pytest
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import generate_latest

from core.telemetry.entry import CLIENT_CLOSED, TelemetryMiddleware
from tests.telemetry.exchanges import observed

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


class TestRequestId:
    async def test_a_valid_one_is_kept_answered_and_shown_to_handlers(self) -> None:
        async with observed() as app:
            answer = await app.client.get("/whoami", headers={"X-Request-Id": "order-7_a.b"})
        assert answer.headers["x-request-id"] == answer.json()["request_id"] == "order-7_a.b"
        assert app.record().request_id == "order-7_a.b"

    @pytest.mark.parametrize("offered", ["", "a b", "a" * 129, "é", "a\tb", "<script>", "a;b"])
    async def test_an_invalid_one_is_replaced(self, offered: str) -> None:
        async with observed() as app:
            answer = await app.client.get("/whoami", headers={b"X-Request-Id": offered.encode()})
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])

    async def test_without_one_each_request_gets_its_own(self) -> None:
        async with observed() as app:
            ids = {(await app.client.get("/whoami")).headers["x-request-id"] for _ in range(50)}
        assert len(ids) == 50

    @pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("DELETE", "/whoami"), ("POST", "/broken")])
    async def test_refusals_and_failures_carry_one_too(self, method: str, path: str) -> None:
        async with observed() as app:
            answer = await app.client.request(method, path)
        assert answer.status_code >= 400
        assert answer.headers["x-request-id"]


class TestHeaders:
    @pytest.mark.parametrize("path", ["/whoami", "/nowhere", "/stream"])
    async def test_the_given_headers_are_on_every_response(self, path: str) -> None:
        async with observed() as app:
            answer = await app.client.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'"

    async def test_a_route_that_sets_one_itself_keeps_its_own(self) -> None:
        async with observed() as app:
            answer = await app.client.get("/page")
        assert answer.headers.get_list("content-security-policy") == ["default-src 'self'"]
        assert answer.headers["x-content-type-options"] == "nosniff"


class TestSpan:
    async def test_it_is_named_by_the_template_and_says_what_the_conventions_ask(self) -> None:
        async with observed() as app:
            await app.client.get("/items/7?token=abc")
        span = app.span()
        assert (span.name, span.kind) == ("GET /items/{item}", SpanKind.SERVER)
        assert dict(span.attributes or {}) == {
            "http.request.method": "GET",
            "http.route": "/items/{item}",
            "url.path": "/items/7",
            "url.scheme": "http",
            "http.response.status_code": 200,
            "client.address": "203.0.113.9",
            "app.plugin": "shop",
        }
        assert span.status.status_code is StatusCode.UNSET

    @pytest.mark.parametrize(
        ("method", "path", "name"),
        [
            ("GET", "/a/b", "GET"),
            ("DELETE", "/whoami", "DELETE"),
            ("FOO", "/whoami", "HTTP"),
        ],
    )
    async def test_unmatched_and_unknown_ones_are_named_by_the_method_at_most(
        self, method: str, path: str, name: str
    ) -> None:
        async with observed() as app:
            await app.client.request(method, path)
        assert app.span().name == name
        assert "http.route" not in (app.span().attributes or {})

    async def test_a_failure_is_an_error_told_by_its_kind_alone(self) -> None:
        async with observed() as app:
            await app.client.post("/broken")
        span = app.span()
        assert span.status.status_code is StatusCode.ERROR
        assert (span.attributes or {})["error.type"] == "500"
        assert "swordfish" not in span.to_json()

    async def test_a_refusal_is_not_an_error(self) -> None:
        async with observed() as app:
            await app.client.get("/nowhere")
        assert app.span().status.status_code is StatusCode.UNSET

    async def test_an_incoming_trace_is_continued(self) -> None:
        async with observed(ratio=0.0) as app:
            answer = await app.client.get(
                "/items/1", headers={"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"}
            )
        span = app.span()
        assert answer.json()["trace_id"] == TRACE
        assert span.parent is not None
        assert f"{span.parent.span_id:016x}" == PARENT
        assert span.context.trace_state.to_header() == "vendor=1"

    async def test_a_trace_state_in_several_fields_is_one(self) -> None:
        headers = [("traceparent", f"00-{TRACE}-{PARENT}-01"), ("tracestate", "a=1,b=2"), ("tracestate", "c=3")]
        async with observed() as app:
            await app.client.get("/items/1", headers=headers)
        assert app.span().context.trace_state.to_header() == "a=1,b=2,c=3"

    @pytest.mark.parametrize("flag", ["00", "01"])
    async def test_calls_to_others_carry_the_trace_and_its_state(self, flag: str) -> None:
        async with observed() as app:
            answer = await app.client.get(
                "/onward", headers={"traceparent": f"00-{TRACE}-{PARENT}-{flag}", "tracestate": "a=1,b=2"}
            )
        carried = answer.json()
        assert carried["tracestate"] == "a=1,b=2"
        version, trace, span, flags = carried["traceparent"].split("-")
        assert (version, trace, flags) == ("00", TRACE, flag)
        assert (span == PARENT) == (flag == "00")

    async def test_a_caller_who_does_not_record_is_followed_and_the_trace_id_kept(self) -> None:
        async with observed() as app:
            answer = await app.client.get("/items/1", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
        assert app.spans() == []
        assert answer.json()["trace_id"] == app.record().trace_id == TRACE

    @pytest.mark.parametrize(
        "traceparent",
        [
            "",
            "x",
            "0" * 5000,
            "\xff\xfe",
            f"00-{TRACE}",
            f"00-{'0' * 32}-{PARENT}-01",
            f"00-{TRACE}-{'0' * 16}-01",
            f"ff-{TRACE}-{PARENT}-01",
            f"00-{TRACE.upper()}-{PARENT}-01",
            f"00-{TRACE}-{PARENT}-01-more",
        ],
    )
    async def test_a_malformed_one_starts_a_new_trace(self, traceparent: str) -> None:
        async with observed() as app:
            answer = await app.client.get("/items/1", headers={b"traceparent": traceparent.encode("latin-1")})
        assert answer.status_code == 200
        assert app.span().parent is None
        assert answer.json()["trace_id"] not in {"", TRACE}

    async def test_about_the_asked_share_of_new_traces_is_recorded_and_all_have_ids(self) -> None:
        async with observed(ratio=0.2) as app:
            ids = {(await app.client.get("/items/1")).json()["trace_id"] for _ in range(1000)}
        assert len(ids) == 1000
        assert 120 < len(app.spans()) < 280  # six standard deviations


class TestAccessLog:
    async def test_each_exchange_is_one_record(self) -> None:
        async with observed() as app:
            answer = await app.client.get("/whoami?limit=5&ssn=123-45-6789")
        record = app.record()
        assert (record.method, record.route, record.status, record.plugin) == ("GET", "/whoami", 200, "shop")
        assert record.path == "/whoami?limit=5&ssn=***"
        assert record.principal == "0192-ada"
        assert record.bytes == len(answer.content)
        assert record.trace_id == f"{app.span().context.trace_id:032x}"
        assert record.span_id == f"{app.span().context.span_id:016x}"
        assert record.duration_ms > 0

    async def test_a_stream_is_counted_whole(self) -> None:
        async with observed() as app:
            await app.client.get("/stream")
        assert app.record().bytes == 8

    async def test_what_a_path_gives_away_is_masked_in_log_and_span(self) -> None:
        async with observed() as app:
            await app.client.get("/unsubscribe/ada@example.com/4111111111111111")
        url = str((app.span().attributes or {})["url.path"])
        for shown in (app.record().path, url):
            assert "ada@" not in shown
            assert "4111" not in shown
            assert shown.startswith("/unsubscribe/")

    async def test_a_client_that_leaves_is_told_from_a_failure(self) -> None:
        async with observed() as app:
            arrived = asyncio.Event()

            async def never(_scope: object, _receive: object, _send: object) -> None:
                arrived.set()
                await asyncio.Event().wait()

            records: list[int] = []

            class Log:
                def write(self, exchange: object, *_rest: object) -> None:
                    records.append(exchange.status)  # type: ignore[attr-defined]

            layer = TelemetryMiddleware(never, tracing=app.tracing, metrics=app.metrics, access_log=Log())  # type: ignore[arg-type]
            scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "state": {}}
            task = asyncio.ensure_future(layer(scope, None, None))  # type: ignore[arg-type]
            await arrived.wait()
            assert app.metrics.active_requests == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert records == [CLIENT_CLOSED]
        assert app.metrics.active_requests == 0


class TestMetrics:
    async def test_durations_are_counted_by_method_route_status_and_plugin(self) -> None:
        async with observed() as app:
            for item in range(3):
                await app.client.get(f"/items/{item}")
        text = generate_latest(app.metrics.registry).decode()
        labels = 'method="GET",plugin="shop",route="/items/{item}",status="200"'
        assert f"http_server_request_duration_seconds_count{{{labels}}} 3.0" in text
        assert f'http_server_request_duration_seconds_bucket{{le="+Inf",{labels}}} 3.0' in text

    async def test_no_caller_can_make_a_series(self) -> None:
        """Goal: 10 000 random paths, 300 invented methods, 1 000 users add nothing once each kind was seen."""
        async with observed(ratio=0.0) as app:
            for method, path in [("GET", "/nope"), ("FOO", "/whoami"), ("GET", "/items/0")]:
                await app.client.request(method, path)
            before = generate_latest(app.metrics.registry).decode()
            for number in range(1000):
                await app.client.get(f"/{number}/{string.ascii_letters[number % 52]}")
                await app.client.get(f"/items/{number}", headers={"X-Request-Id": f"user-{number}"})
            for number in range(300):
                await app.client.request(f"FOO{number}", "/whoami")
            after = generate_latest(app.metrics.registry).decode()
        assert len(after.splitlines()) == len(before.splitlines())
