"""Bodies, read strictly: what does not fit is refused with every fault named, and nothing is guessed.

`StrictRequest` is the application's `request_class`. Litestar asks it for `json()` and passes the Struct that it
gets through unchanged. Litestar's own decoding takes `"2"` for an integer, keeps the last of two equal keys, stops at
the first fault and answers 500 to JSON nested 1 000 deep.
"""

import re
from collections.abc import AsyncGenerator, Iterable
from functools import cache
from itertools import islice
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.datastructures.headers import Accept
from litestar.enums import RequestEncodingType
from litestar.types import Empty

from core.http import problem_types as kinds
from core.http.fault_codes import name_fault
from core.http.json_text import UnacceptableJson, faults_in_text, is_object_expected, parse
from core.http.problems import VALIDATION_ERROR, Fault, Problem, ProblemType
from core.http.schema_faults import schema_faults
from core.http.values import decode_value

MAX_FAULTS: Final = 100
"""How many faults one answer lists."""

MAX_ACCEPT: Final = 2048
"""Characters of an `Accept` header; browsers send about a hundred."""

_JSON: Final = b"application/json"
_ANYTHING: Final = Accept("*/*")


@cache
def _decoder(annotation: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(annotation, dec_hook=decode_value)


def decode_body(body: bytes, annotation: Any) -> Any:
    """Return `body` as an `annotation` (a Struct type, as a rule).

    Raises:
        Problem: 400 `malformed_json` where it is not acceptable JSON; 400 `validation_error`, or the code that all
            faults share, where it does not fit.
    """
    try:
        value = parse(body)
    except UnacceptableJson as unacceptable:
        raise _malformed(unacceptable.detail, faults_in_text(body)) from None
    if not isinstance(value, dict) and is_object_expected(annotation):
        raise _malformed("The body is one JSON object.", [])
    try:
        return _decoder(annotation).decode(body)
    except msgspec.ValidationError as error:
        raise does_not_fit(value, annotation, error) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise _malformed("The body is not JSON.", faults_in_text(body)) from None


def does_not_fit(value: Any, annotation: Any, error: msgspec.ValidationError) -> Problem:
    """Return the refusal of `value`, all of whose faults are named."""
    found = list(islice(schema_faults(value, annotation), MAX_FAULTS + 1))
    return _refusal(VALIDATION_ERROR, None, found or [name_fault(_place_of(error), annotation, error)])


def _malformed(detail: str, faults: Iterable[Fault]) -> Problem:
    return _refusal(kinds.MALFORMED_JSON, detail, list(islice(faults, MAX_FAULTS + 1)))


def _refusal(kind: ProblemType, detail: str | None, faults: list[Fault]) -> Problem:
    faults.sort(key=lambda fault: fault.pointer)
    if len(faults) > MAX_FAULTS:
        detail = f"There are more faults than the {MAX_FAULTS} that are listed."
    return Problem(kind, detail, faults=faults[:MAX_FAULTS])


def _place_of(error: msgspec.ValidationError) -> str:
    """Return the pointer to where msgspec stopped; it does not tell the keys of a dictionary."""
    path = str(error).rpartition(" - at `$")[2].rstrip("`") if " - at `$" in str(error) else ""
    return "" if "[...]" in path else re.sub(r"[.\[]", "/", path).replace("]", "")


class StrictRequest(Request[Any, Any, Any]):
    """The application's request: reads JSON bodies strictly and refuses forms without a boundary."""

    __slots__ = ()

    async def json(self) -> Any:
        """Return the body as the type of the handler's `data`, or as plain values where it has none.

        Raises:
            Problem: 415 where the body is not announced as JSON in UTF-8; 400 where it is not acceptable.
        """
        if self._json is Empty:
            self._require_json()
            data = self.route_handler.parsed_fn_signature.parameters.get("data")
            self._json = decode_body(await self.body(), Any if data is None else data.annotation)
        return self._json

    @property
    def accept(self) -> Accept:
        """What the client accepts; anything, where it does not say so in a header of a sensible form and size."""
        try:
            return super().accept if len(self.headers.get("accept", "")) <= MAX_ACCEPT else _ANYTHING
        except OverflowError:  # of a quality that is infinite
            return _ANYTHING

    def _require_json(self) -> None:
        announced = [value for name, value in self.scope["headers"] if name == b"content-type"]
        if announced != [_JSON] and (len(announced) != 1 or not _announces_json(*self.content_type)):
            raise Problem(kinds.UNSUPPORTED_MEDIA_TYPE, "The body must be announced as `application/json`, once.")

    def stream(self) -> AsyncGenerator[bytes, None]:
        """Return the chunks of the body.

        Raises:
            Problem: 415 for a compressed body, which is never unpacked; 400 for a form without a boundary.
        """
        for name, value in self.scope["headers"]:
            if name == b"content-encoding" and value.lower() != b"identity":
                headers = {"Accept-Encoding": "identity"}
                raise Problem(kinds.UNSUPPORTED_MEDIA_TYPE, "Compressed bodies are not taken.", headers=headers)
        media_type, options = self.content_type
        if media_type == RequestEncodingType.MULTI_PART and not options.get("boundary"):
            raise Problem(kinds.MALFORMED_BODY, "The `Content-Type` of a form names its boundary.")
        return super().stream()


def _announces_json(media_type: str, options: dict[str, str]) -> bool:
    is_json = media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )
    return is_json and options.get("charset", "utf-8").lower() in ("utf-8", "utf8")
