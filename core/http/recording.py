"""Answers that can be kept: what is sent to a client with an Idempotency-Key is what is stored for the next time.

`RecordedResponse` is the application's `response_class` and `recordable` its `after_request`: the first records what
handlers return as data, the second what they return as a Response of their own.
"""

from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import MediaType
from litestar.response.base import ASGIResponse

RECORDING: Final = "recorded_answer"
"""Key in the request's state: present where the answer is to be recorded, then holds it."""

JSON: Final = MediaType.JSON.value

_TYPE: Final = (b"content-type", JSON.encode())
_WITH_BODY: Final = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED})
_UNKEPT: Final = frozenset({"content-length", "set-cookie"})


class Answer(msgspec.Struct, frozen=True):
    """An answer as it goes over the wire. Cookies are never part of it: they are credentials."""

    status: int
    headers: dict[str, str]
    body: bytes


class RecordedResponse(Response[Any]):
    """A response that leaves its bytes in the request's state where they are to be kept."""

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **options: Any) -> ASGIResponse:
        """Render the response; note the bytes where the request wants them recorded."""
        if self.status_code is not None and self._is_plain(options):
            response: ASGIResponse = _PlainAnswer(self.render(self.content, JSON), self.status_code)
        else:
            response = super().to_asgi_response(app, request, **options)
        if RECORDING in request.scope["state"]:
            record(request, response)
        return response

    def _is_plain(self, options: dict[str, Any]) -> bool:
        """Tell whether it is JSON with a status, and nothing else."""
        return (
            self.media_type == JSON
            and self.status_code in _WITH_BODY
            and not (self.headers or self.cookies or self.background or self.response_type_encoders)
            and not any(options.values())
        )


class _PlainAnswer(ASGIResponse):
    """JSON with a status. Litestar takes any answer apart to see what else there is, which costs 5 µs [measured]."""

    def __init__(self, body: bytes, status_code: int) -> None:
        self.headers = MutableScopeHeaders({"headers": [_TYPE, (b"content-length", b"%d" % len(body))]})
        self.body = body
        self.status_code = status_code
        self.background = None
        self.content_length = len(body)
        self.encoding = "utf-8"
        self.is_head_response = False
        self._encoded_cookies = ()


class _Recording:
    """Records a response of another class."""

    def __init__(self, response: Response[Any]) -> None:
        self._response = response

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **options: Any) -> ASGIResponse:
        response = self._response.to_asgi_response(app, request, **options)
        if RECORDING in request.scope["state"]:
            record(request, response)
        return response


async def recordable(response: Any) -> Any:
    """Return `response`, made to record itself where it would not."""
    if type(response) is RecordedResponse or not isinstance(response, Response):
        return response
    return _Recording(response)


def record(request: Request[Any, Any, Any], response: ASGIResponse) -> None:
    """Note what goes over the wire. A stream has no bytes yet and is not noted."""
    if type(response) in {ASGIResponse, _PlainAnswer}:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in response.headers.headers}
        kept = {name: value for name, value in headers.items() if name not in _UNKEPT}
        request.scope["state"][RECORDING] = Answer(response.status_code, kept, bytes(response.body))
