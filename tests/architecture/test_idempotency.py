"""No POST ignores an Idempotency-Key in silence: it honours the header, or says that it does not."""

import pytest
from litestar.routes import HTTPRoute

from core.application import build_application
from core.composition import compose

HONOURED_BY = {"uow", "steps"}


@pytest.fixture(scope="module")
def app(hexastar_config, hexastar_environ, tmp_path_factory):
    environ = {**hexastar_environ, "HEXASTAR__STATE_DIR": str(tmp_path_factory.mktemp("state"))}
    return build_application(compose(hexastar_config, environ))


def posts(app):
    return [
        (route.path, handler, {dependency.key for batch in kwargs.dependency_batches for dependency in batch})
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, kwargs) in route.route_handler_map.items()
        if method == "POST"
    ]


def test_every_post_honours_the_key_or_declares_that_it_does_not(app):
    silent = [
        path
        for path, handler, taken in posts(app)
        if not taken & HONOURED_BY and handler.opt.get("idempotency") != "none"
    ]
    assert silent == []
    assert len(posts(app)) > 15


def test_no_post_declares_that_it_does_not_and_then_pays_for_it(app):
    torn = [
        path for path, handler, taken in posts(app) if "steps" in taken and handler.opt.get("idempotency") == "none"
    ]
    assert torn == []
