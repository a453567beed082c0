"""Every answer that the tests of plugins get is one that the OpenAPI document promises: status, code and shape."""

import re
from collections.abc import AsyncIterator
from functools import cache
from typing import Any

import httpx
import msgspec
import pytest
from jsonschema import Draft202012Validator


class Promises:
    """The document of an application, asked about answers."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._components = document["components"]
        self._paths = [
            (re.compile(re.sub(r"\\{.*?\\}", "[^/]+", re.escape(path))), operations)
            for path, operations in document["paths"].items()
        ]
        self._validator = cache(self._make_validator)

    async def check(self, response: httpx.Response) -> None:
        """Fail where `response` is not one that its operation lists. What a tester's rule says is the tester's."""
        if "x-stub-rule" in response.headers:
            return
        operation = self._operation(response.request)
        if operation is None:
            return
        name, status = operation["operationId"], str(response.status_code)
        assert status in operation["responses"], f"{name} does not document {status}: {await response.aread()!r}"
        promised = self._resolved(operation["responses"][status]).get("content", {})
        for media_type, content in promised.items():
            if response.headers["content-type"].partition(";")[0] == media_type and media_type.endswith("json"):
                validator = self._validator(msgspec.json.encode(content["schema"]))
                faults = [fault.message for fault in validator.iter_errors(msgspec.json.decode(await response.aread()))]
                assert not faults, f"{name} answers {status} otherwise than documented: {faults}"

    def _operation(self, request: httpx.Request) -> dict[str, Any] | None:
        for pattern, operations in self._paths:
            if pattern.fullmatch(request.url.path):
                return operations.get(request.method.lower())
        return None

    def _resolved(self, answer: dict[str, Any]) -> dict[str, Any]:
        return self._components["responses"][answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer

    def _make_validator(self, schema: bytes) -> Draft202012Validator:
        return Draft202012Validator({**msgspec.json.decode(schema), "components": self._components})


@pytest.fixture(scope="session")
def promises(running: Any) -> Promises:
    """What the running application promises."""
    return Promises(msgspec.to_builtins(running.app.openapi_schema.to_schema(), enc_hook=str))


@pytest.fixture
async def client(application: Any, promises: Promises) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application that shows no credential."""
    async with application.client() as client:
        client.event_hooks["response"].append(promises.check)
        yield client


@pytest.fixture
async def admin_client(application: Any, promises: Promises) -> AsyncIterator[httpx.AsyncClient]:
    """A client that shows the admin key."""
    async with application.admin_client() as client:
        client.event_hooks["response"].append(promises.check)
        yield client
