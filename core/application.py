"""Assembles the application. The only module that knows all the others."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import Any, Final

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, ScalarRenderPlugin, SwaggerRenderPlugin
from litestar.template.config import TemplateConfig
from litestar.types import ASGIApp, ControllerRouterHandler

from core.auth import PUBLIC, Access, Authenticator
from core.authentication import AuthenticationMiddleware
from core.cli.commands import CommandLine
from core.clock import Clock, SystemClock
from core.composition import Composition
from core.confidential import secrets_of
from core.containment import contain
from core.description import describe, health_checks
from core.faults import ConfigurationError, ConfigurationFault, one_line
from core.http.admission import admit
from core.http.body import StrictRequest
from core.http.cors import Cors
from core.http.deadline import within_deadline
from core.http.dependencies import Service, hand_out_services
from core.http.doorkeeper import Doorkeeper, Refusal
from core.http.guard import HttpGuard
from core.http.headers import DOCUMENTATION_POLICY, response_headers
from core.http.health import Health, mark_started
from core.http.idempotent_steps import provide_idempotent_steps
from core.http.methods import unite_methods
from core.http.openapi import (
    DOCUMENT_PLUGINS,
    DocumentConfig,
    RenderedOnce,
    components,
    document_operations,
    name_operation,
    refuse_unknown_page,
)
from core.http.origins import OwnOrigins
from core.http.page_templates import PageTemplates
from core.http.parameters import ParameterRules
from core.http.problem_handlers import problem_handlers
from core.http.problems import ProblemRegistry
from core.http.rate_limit import COUNTED, ClientCount, RateLimiter
from core.http.recording import RecordedResponse, recordable
from core.http.unit_of_work import provide_unit_of_work
from core.http.values import PARAMETER_DECODERS
from core.injection import Services
from core.keys import key_ring
from core.lifespan import freeze_collector, running_services
from core.plugins import Plugin
from core.redaction import know_secrets
from core.starting import Application
from core.telemetry.access_log import AccessLog
from core.telemetry.entry import TelemetryMiddleware
from core.telemetry.failures import let_speak
from core.telemetry.logging import configure_logging

NAME: Final = "hexastar"
VERSION: Final = "0.1.0"
DOCUMENTATION: Final = "/schema"


def build_application(
    composition: Composition,
    *,
    ports: Mapping[str, Any] | None = None,
    clock: Clock | None = None,
    works: bool | None = None,
) -> Litestar:
    """Return the application that `composition` describes; its lifespan opens what it needs.

    Args:
        composition: what the deployment is made of.
        ports: ports that are served by these objects instead of their bindings (tests hand in fakes).
        clock: tells the time; the machine's by default.
        works: whether the jobs run in this process; by default as the configuration says.

    Raises:
        ConfigurationError: a route declares no access, or two routes are the same.
    """
    config = composition.config
    access_log = _configure_logging(composition)
    services = Services(config, clock or SystemClock(), _settings(composition), version=VERSION)
    limiter = RateLimiter(services)
    registry = ProblemRegistry(composition.declarations.problems)
    makers = composition.declarations.authenticators
    dependencies = _dependencies(services, composition)
    try:
        app = Application(
            route_handlers=_routers(composition),
            dependencies=dependencies,
            middleware=[
                within_deadline(config.http.request_timeout),
                contain,
                _authentication(services, composition),
            ],
            exception_handlers=problem_handlers(registry),
            request_class=StrictRequest,
            response_class=RecordedResponse,
            before_request=admit,
            after_request=recordable,
            type_decoders=PARAMETER_DECODERS,
            request_max_body_size=config.http.max_body,
            openapi_config=_documentation(composition),
            template_config=TemplateConfig(instance=_templates(composition)),
            logging_config=None,
            lifespan=[_lifespan(services, composition, ports or {}, limiter, works=works)],
            on_startup=[mark_started],
            plugins=[CommandLine(composition), *DOCUMENT_PLUGINS],
        )
    except ConfigurationError:
        raise
    except Exception:
        _blame(composition, dependencies)
        raise
    _check_routes(app, config.source)
    ParameterRules(app)
    unite_methods(app)
    document_operations(app, makers, COUNTED if config.http.rate_limit else None)
    hand_out_services(app)
    app.state.services = services
    app.state.metrics = services.metrics
    app.state.problems = registry
    app.state.rate_limiter = limiter
    app.state.health = Health(services, health_checks(composition))
    app.state.deployment = describe(composition)
    app.state.composition = composition
    app.asgi_handler = _enter(app.asgi_handler, services, registry, limiter, access_log)
    return app


def _configure_logging(composition: Composition) -> AccessLog:
    """Open the log, which knows whose words it may repeat and which it must not."""
    config = composition.config
    know_secrets(secrets_of(composition))
    let_speak(plugin.module.__name__ for plugin in composition.plugins.plugins)
    hash_key = key_ring(config).keys("hashes of e-mail addresses in the log")[0]
    return configure_logging(NAME, VERSION, console=config.profile == "development", hash_key=hash_key)


def _settings(composition: Composition) -> dict[str, Any]:
    return {plugin.name: plugin.settings for plugin in composition.plugins.plugins}


def _routers(composition: Composition) -> list[Router]:
    return [_router(plugin, handlers) for plugin, handlers in composition.declarations.routes]


def _router(plugin: Plugin, handlers: Sequence[ControllerRouterHandler]) -> Router:
    """Wrap a plugin's routes: its settings are what its handlers mean by `settings`, and its name labels them."""
    return Router(
        path="/",
        route_handlers=list(handlers),
        dependencies={"settings": _constant(plugin.settings)},
        opt={"plugin": plugin.name},
    )


def _constant(value: Any) -> Service:
    return Service(lambda _connection: value)


def _dependencies(services: Services, composition: Composition) -> dict[str, Provide]:
    return {
        "services": _constant(services),
        "storage": Service(lambda _connection: services.storage),
        "units": Service(lambda _connection: services.units),
        "clock": _constant(services.clock),
        "principal": Service(lambda connection: connection.scope["user"]),
        "uow": Provide(provide_unit_of_work),
        "steps": Provide(provide_idempotent_steps),
        **{name: _port(services, name) for name in composition.bindings if name != "storage"},
    }


def _port(services: Services, name: str) -> Service:
    return Service(lambda _connection: services.ports[name])


def _documentation(composition: Composition) -> OpenAPIConfig:
    enabled = ", ".join(composition.config.enabled) or "none"
    return DocumentConfig(
        title="Hexastar",
        version=VERSION,
        description=f"Enabled plugins: {enabled}. Refusals are RFC 9457 problem documents; see /problems.",
        components=components(composition.declarations.authenticators),
        operation_id_creator=name_operation,
        openapi_router=Router(
            path=DOCUMENTATION,
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


def _templates(composition: Composition) -> PageTemplates:
    return PageTemplates(composition.declarations.templates, reload=composition.config.profile == "development")


def _lifespan(
    services: Services, composition: Composition, ports: Mapping[str, Any], limiter: RateLimiter, *, works: bool | None
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    works_here = composition.config.works_in_process if works is None else works

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        async with (
            running_services(services, composition, ports),
            limiter.running(),
            _working(services) if works_here else nullcontext(),
        ):
            freeze_collector()
            yield

    return lifespan


def _working(services: Services) -> AbstractAsyncContextManager[None]:
    from core.working import working  # a server that leaves the jobs to others need not load their engine

    return working(services)


def _authentication(services: Services, composition: Composition) -> AuthenticationMiddleware:
    origins = OwnOrigins(services.config.public_url, services.config.http.cors_origins)
    return AuthenticationMiddleware(_authenticators(services, composition), origins)


def _authenticators(services: Services, composition: Composition) -> dict[str, Authenticator]:
    authenticators, faults = {}, []
    for kind, make in composition.declarations.authenticators.items():
        try:
            authenticators[kind] = make(services)
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises is that plugin's fault
            message = f"the authenticator of this credential kind cannot be made: {one_line(error)}"
            faults.append(ConfigurationFault(composition.config.source, kind, message))
    if faults:
        raise ConfigurationError(faults)
    return authenticators


def _blame(composition: Composition, dependencies: dict[str, Provide]) -> None:
    """Raise ConfigurationError in the name of each plugin whose routes cannot be served."""
    faults = []
    for plugin, handlers in composition.declarations.routes:
        if plugin.name != "core":
            try:
                Litestar(route_handlers=[_router(plugin, handlers)], dependencies=dependencies, openapi_config=None)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with a plugin's routes is its fault
                message = f"its routes cannot be served: {one_line(error)}"
                faults.append(ConfigurationFault(composition.config.source, f"plugins.{plugin.name}", message))
    if faults:
        raise ConfigurationError(faults)


def _check_routes(app: Litestar, source: str) -> None:
    """Refuse routes that declare no access, and layers that replace what every request has to pass."""
    faults = []
    for route in app.routes:
        for method, (handler, _) in getattr(route, "route_handler_map", {}).items():
            name = f"{method} {route.path}"
            if method != HttpMethod.OPTIONS and not isinstance(handler.opt.get("access"), Access):
                hint = "add access=… to the handler"
                faults.append(ConfigurationFault(source, name, "declares no access", hint))
            is_litestars_own = method == HttpMethod.OPTIONS and not handler.include_in_schema
            if not is_litestars_own and (replaced := _replaced(handler)):
                hint = "use a guard, a dependency or a middleware instead"
                faults.append(ConfigurationFault(source, name, f"replaces the application's {replaced}", hint))
    if faults:
        raise ConfigurationError(faults)


def _replaced(handler: HTTPRouteHandler) -> str:
    layers = {
        "before_request": handler.resolve_before_request() is admit,
        "request_class": handler.resolve_request_class() is StrictRequest,
        "response_class": handler.resolve_response_class() is RecordedResponse,
    }
    return ", ".join(name for name, kept in layers.items() if not kept)


def _enter(
    inner: ASGIApp, services: Services, registry: ProblemRegistry, limiter: RateLimiter, access_log: AccessLog
) -> ASGIApp:
    """Put the outer layers around the router: first what refuses, then what observes, then what guards."""
    config = services.config
    asked = config.http.rate_limit
    client_limit = ClientCount(limiter, asked.requests, asked.seconds) if asked else None
    guard = HttpGuard(inner, config.http, registry, client_limit)
    headers = response_headers(hsts=config.sends_hsts)
    share = partial(Cors, origins=config.http.cors_origins, registry=registry) if config.http.cors_origins else None
    observed = TelemetryMiddleware(
        share(guard) if share else guard,
        tracing=services.tracing,
        metrics=services.metrics,
        access_log=access_log,
        headers=headers,
    )
    refuse = Refusal(guard.admission, registry, headers, count=services.metrics.request_refused, share=share)
    return Doorkeeper(observed, refuse, guard.admission)
