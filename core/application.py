"""Assembles the application. The only module that knows all the others."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import Any, Final

from litestar import Litestar
from litestar.di import Provide
from litestar.template.config import TemplateConfig
from litestar.types import ASGIApp

from core.auth import Authenticator
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
from core.http.documentation import documentation
from core.http.doorkeeper import Doorkeeper, Refusal
from core.http.guard import HttpGuard
from core.http.headers import response_headers
from core.http.health import Health, mark_started
from core.http.idempotent_steps import provide_idempotent_steps
from core.http.methods import unite_methods
from core.http.openapi import DOCUMENT_PLUGINS, document_operations
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
from core.redaction import know_secrets
from core.routes import blame_plugins, check_routes, plugin_routers
from core.starting import Application
from core.telemetry.access_log import AccessLog
from core.telemetry.entry import TelemetryMiddleware
from core.telemetry.failures import let_speak
from core.telemetry.logging import configure_logging
from core.telemetry.unread import Unread

NAME: Final = "hexastar"
VERSION: Final = "0.1.0"


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
    services = Services(config, clock or SystemClock(), composition.plugin_settings, version=VERSION)
    limiter = RateLimiter(services)
    registry = ProblemRegistry(composition.declarations.problems)
    makers = composition.declarations.authenticators
    dependencies = _dependencies(services, composition)
    try:
        app = Application(
            route_handlers=plugin_routers(composition),
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
            openapi_config=documentation(VERSION, config.enabled, makers),
            template_config=TemplateConfig(instance=_templates(composition)),
            logging_config=None,
            lifespan=[_lifespan(services, composition, ports or {}, limiter, works=works)],
            on_startup=[mark_started],
            plugins=[CommandLine(composition), *DOCUMENT_PLUGINS],
        )
    except ConfigurationError:
        raise
    except Exception:
        blame_plugins(composition, dependencies)
        raise
    check_routes(app, config.source)
    ParameterRules(app)
    unite_methods(app)
    document_operations(app, makers, COUNTED if config.http.rate_limit else None)
    hand_out_services(app)
    app.state.services = services
    app.state.metrics = services.metrics
    app.state.unread = Unread(services.metrics, access_log)
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


def _dependencies(services: Services, composition: Composition) -> dict[str, Provide]:
    return {
        "services": Service(lambda _connection: services),
        "storage": Service(lambda _connection: services.storage),
        "units": Service(lambda _connection: services.units),
        "clock": Service(lambda _connection: services.clock),
        "principal": Service(lambda connection: connection.scope["user"]),
        "uow": Provide(provide_unit_of_work),
        "steps": Provide(provide_idempotent_steps),
        **{name: _port(services, name) for name in composition.bindings if name != "storage"},
    }


def _port(services: Services, name: str) -> Service:
    return Service(lambda _connection: services.ports[name])


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
