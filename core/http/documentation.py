"""The pages at /schema: the OpenAPI document as Scalar and Swagger show it, and as it is."""

from collections.abc import Collection, Sequence
from http import HTTPStatus
from typing import Any, Final

from litestar import Request, Response, Router
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin, ScalarRenderPlugin, SwaggerRenderPlugin

from core.auth import PUBLIC
from core.http.headers import DOCUMENTATION_POLICY
from core.http.openapi import DocumentConfig, components, name_operation
from core.http.problem_types import NOT_FOUND
from core.http.problems import Problem

PATH: Final = "/schema"


def documentation(version: str, enabled: Sequence[str], credentials: Collection[str]) -> OpenAPIConfig:
    """Return the configuration of the document and its pages.

    Args:
        version: the application's.
        enabled: the names of the plugins whose routes are documented.
        credentials: the kinds of credential that are accepted.
    """
    return DocumentConfig(
        title="Hexastar",
        version=version,
        description=f"Enabled plugins: {', '.join(enabled) or 'none'}. "
        "Refusals are RFC 9457 problem documents; see /problems.",
        components=components(credentials),
        operation_id_creator=name_operation,
        openapi_router=Router(
            path=PATH,
            route_handlers=[],
            opt={"access": PUBLIC, "plugin": "core"},
            include_in_schema=False,
            after_request=_refuse_unknown_page,
            response_headers={"Content-Security-Policy": DOCUMENTATION_POLICY},
        ),
        render_plugins=[
            RenderedOnce(page)
            for page in (ScalarRenderPlugin(), SwaggerRenderPlugin(path="/swagger"), JsonRenderPlugin())
        ],
        use_handler_docstrings=True,
    )


class RenderedOnce(OpenAPIRenderPlugin):
    """A rendering of the document that is made at the first request for it and kept."""

    def __init__(self, page: OpenAPIRenderPlugin) -> None:
        super().__init__(path=page.paths, media_type=page.media_type)
        self._page = page
        self._rendered: bytes | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the page."""
        if self._rendered is None:
            self._rendered = self._page.render(request, openapi_schema)
        return self._rendered

    def receive_router(self, router: Router) -> None:
        """Let the page add what it needs."""
        self._page.receive_router(router)


def _refuse_unknown_page(response: Response[Any]) -> Response[Any]:
    """Answer for a page of the documentation that is none as for any address that is none; Litestar has a page of HTML.

    For the documentation's router, as its `after_request`.

    Raises:
        Problem: 404 `not_found`.
    """
    if response.status_code == HTTPStatus.NOT_FOUND:
        raise Problem(NOT_FOUND)
    return response
