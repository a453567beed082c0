"""One trace from the request that asks for a mail, through the job, to the SMTP server."""

import httpx
from served import served

from tests.peers.otlp import otlp_sink
from tests.peers.smtp import smtp_peer

CONFIGURATION = """
[plugins]
enabled = ["verification"]
[ports]
mail = "smtp"
[adapters.mail.smtp]
host = "{host}"
port = {port}
sender = "claims@example.org"
tls = "none"
"""
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"
STATE = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"
NOTICE = {"recipient_email": "ada@example.org", "subject": "Your claim", "message": "It was paid."}


def test_a_notification_is_one_trace_from_http_through_the_job_to_smtp(state_dir, tmp_path, capsys):
    with otlp_sink() as sink, smtp_peer(tmp_path) as peer:
        text = CONFIGURATION.format(host=peer.host, port=peer.port)
        (state_dir / "plugins.toml").write_text(text, encoding="utf-8")
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "HEXASTAR__ADMIN_KEY": "key",
        }
        with served(state_dir, environ) as server:
            answer = httpx.post(
                f"{server.url}/api/v1/insurance/notification/send",
                json=NOTICE,
                headers={"X-API-Key": "key", "traceparent": TRACEPARENT, "tracestate": STATE},
            )
            assert answer.status_code == 202, answer.text
            sink.wait_for(TRACE, spans=4)
        delivered = peer.received()
    with capsys.disabled():
        print(f"\n{sink.tree(TRACE)}")
    by_id = {span.span_id: span for span in sink.spans(TRACE)}
    mail = next(span for span in by_id.values() if span.name == "smtp send")
    job = by_id[mail.parent_id]
    enqueued = by_id[job.parent_id]
    request = by_id[enqueued.parent_id]
    assert (enqueued.name, enqueued.kind) == ("send verification.send_notification", "producer")
    assert (job.name, job.kind) == ("process verification.send_notification", "consumer")
    assert (request.name, request.kind) == ("POST /api/v1/insurance/notification/send", "server")
    assert request.parent_id == CALLER
    assert {span.trace_state for span in by_id.values()} == {STATE}
    assert not any(span.failed for span in by_id.values())
    assert [message.recipients for message in delivered] == [["ada@example.org"]]
