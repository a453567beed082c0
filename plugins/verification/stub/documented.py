"""The answers that the OpenAPI document promises, for clients that ask for one by its status."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Litestar

from core.http.problems import PROBLEM_MEDIA_TYPE, Problem, ProblemRegistry, ProblemType

RETRYABLE: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_DEEPEST: Final = 12
_FORMATS: Final = {
    "date": "2026-01-05",
    "date-time": "2026-01-05T09:30:00Z",
    "uuid": "01890a5d-ac96-774b-bcce-b302099a8057",
    "email": "name@example.org",
    "uri": "https://example.org/",
}

_TEXTS: Final = ("text", "TEXT", "1.00", "1", "1234567893", "E11.9", "USD", "NY", "2026-01-05", "2026-01-05T09:30:00Z")
"""Texts to try where one has to match a pattern."""


class Documented:
    """What each route documents, read from the application's OpenAPI document when it is first asked for."""

    def __init__(self, app: Litestar) -> None:
        document = msgspec.to_builtins(app.openapi_schema.to_schema(), enc_hook=str)
        self._paths: Mapping[str, Any] = document["paths"]
        self._components: Mapping[str, Any] = document["components"]
        self._problems: ProblemRegistry = app.state.problems

    def answer(self, method: str, template: str, status: int) -> Problem | bytes | None:
        """Return the problem or the JSON body that a route documents for `status`; None where it documents none."""
        path = "/".join(part.partition(":")[0] + "}" if ":" in part else part for part in template.split("/"))
        responses = self._paths.get(path, {}).get(method.lower(), {}).get("responses", {})
        if str(status) not in responses:
            return None
        content = self._resolved(responses[str(status)]).get("content", {})
        if PROBLEM_MEDIA_TYPE in content:
            return self._problem(content[PROBLEM_MEDIA_TYPE]["schema"], status)
        for media in content.values():
            return msgspec.json.encode(self.example(media.get("schema", {})))
        return b""

    def _problem(self, schema: Mapping[str, Any], status: int) -> Problem:
        code = schema["properties"]["code"]["enum"][0]
        kind = self._problems.get(code) or ProblemType(code, status, code)
        headers = {"Retry-After": "1"} if status in RETRYABLE else {}
        return Problem(msgspec.structs.replace(kind, status=status), "This answer was asked for.", headers=headers)

    def example(self, schema: Mapping[str, Any], depth: int = 0) -> Any:
        """Return a value that fits `schema`, the same each time."""
        schema = self._resolved(schema)
        for key in ("example", "const", "default"):
            if schema.get(key) is not None:
                return schema[key]
        for key in ("examples", "enum"):
            if schema.get(key):
                return next(iter(schema[key]))
        for key in ("oneOf", "anyOf"):
            if schema.get(key):
                return self.example(self._fullest(schema[key]), depth + 1)
        if schema.get("allOf"):
            merged = {name: value for part in schema["allOf"] for name, value in self._resolved(part).items()}
            return self.example(merged, depth + 1)
        return self._of_type(schema, depth)

    def _of_type(self, schema: Mapping[str, Any], depth: int) -> Any:
        kinds = schema.get("type", "object" if "properties" in schema else None)
        kind = next((kind for kind in kinds if kind != "null"), None) if isinstance(kinds, list) else kinds
        match kind:
            case "object":
                properties = schema.get("properties", {}) if depth < _DEEPEST else {}
                return {name: self.example(value, depth + 1) for name, value in properties.items()}
            case "array":
                return [self.example(schema.get("items", {}), depth + 1)] if depth < _DEEPEST else []
            case "string":
                return self._text(schema)
            case "integer" | "number":
                least = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
                return min(max(least, 0), schema.get("maximum", max(0, least)))
            case "boolean":
                return True
        return None

    def _text(self, schema: Mapping[str, Any]) -> str:
        if pattern := schema.get("pattern"):
            return next((text for text in _TEXTS if re.search(pattern, text)), _TEXTS[0])
        text = _FORMATS.get(schema.get("format", ""), _TEXTS[0])
        return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength")]

    def _fullest(self, alternatives: list[Mapping[str, Any]]) -> Mapping[str, Any]:
        return next((each for each in alternatives if each.get("type") != "null"), alternatives[0])

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = schema.get("$ref")
        if reference is None:
            return schema
        _, _, group, name = reference.split("/", 3)
        found: Mapping[str, Any] = self._components[group][name]
        return found
