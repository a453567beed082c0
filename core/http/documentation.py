"""The pages at /schema: the OpenAPI document as Scalar and Swagger show it, and as it is."""

from collections.abc import Collection, Sequence
from typing import Final

from litestar import Router
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, ScalarRenderPlugin, SwaggerRenderPlugin

from core.auth import PUBLIC
from core.http.headers import DOCUMENTATION_POLICY
from core.http.openapi import DocumentConfig, RenderedOnce, components, name_operation, refuse_unknown_page

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
            after_request=refuse_unknown_page,
            response_headers={"Content-Security-Policy": DOCUMENTATION_POLICY},
        ),
        render_plugins=[
            RenderedOnce(page)
            for page in (ScalarRenderPlugin(), SwaggerRenderPlugin(path="/swagger"), JsonRenderPlugin())
        ],
        use_handler_docstrings=True,
    )
