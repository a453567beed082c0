"""What a stub may be told to wait is shorter than what a request may take."""

from core.application import build_application
from core.composition import compose
from plugins.verification.stub.rules.delays import MAX_DELAY
from plugins.verification.stub.service.search import SEARCH_SECONDS


def test_requests_may_take_as_long_as_stubs_are_told_to_wait(hexastar_config, hexastar_environ, tmp_path):
    environ = hexastar_environ | {"HEXASTAR__PROFILE": "test", "HEXASTAR__STATE_DIR": str(tmp_path)}
    app = build_application(compose(hexastar_config, environ))
    deadlines = {
        route.path: handler.opt.get("deadline", 0)
        for route in app.routes
        for handler, _ in getattr(route, "route_handler_map", {}).values()
        if handler.include_in_schema
    }
    stubbed = [
        path for path in deadlines if path.startswith(("/api/v1/doctors", "/api/v1/academic", "/api/v1/insurance"))
    ]
    assert stubbed
    assert all(deadlines[path] > 2 * MAX_DELAY / 1000 for path in stubbed)
    assert deadlines["/api/v1/_stub/requests/find"] > SEARCH_SECONDS
