"""Adapters: what may be bound to a port, what is bound, and how the bound ones are opened and closed.

An adapter is a module with `Settings`, a Struct, and `open(settings)`, an async context manager that yields the port.
Only a bound adapter's module is imported. Plugins.toml binds by name: `[ports] mail = "smtp"`.
"""

import importlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import msgspec

from core.closing import ClosingInTime
from core.config import Config
from core.config.sections import SectionReader
from core.containment import contained
from core.faults import ConfigurationFault, StartupError, did_you_mean, one_line


class AdapterDeclaration(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter that plugins.toml may bind.

    Attributes:
        port: the port's name, for example `mail`.
        name: the adapter's name, for example `smtp`.
        module: dotted path of the module with `Settings` and `open`; imported only when bound.
        embedded: whether it is this port's default, which needs no account and no server. Production refuses it.
    """

    port: str
    name: str
    module: str
    embedded: bool = False


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """A port with the adapter that serves it."""

    port: str
    adapter: AdapterDeclaration
    settings: msgspec.Struct
    open: Callable[[Any], Any]


class AdapterRegistry:
    """All adapters by port and name."""

    def __init__(self, declarations: Iterable[AdapterDeclaration]) -> None:
        self._by_port: dict[str, dict[str, AdapterDeclaration]] = {}
        for declaration in declarations:
            self._by_port.setdefault(declaration.port, {})[declaration.name] = declaration

    def ports(self) -> tuple[str, ...]:
        """Return the names of the ports that have an adapter."""
        return tuple(self._by_port)

    def of(self, port: str) -> Mapping[str, AdapterDeclaration]:
        """Return the adapters of `port` by name."""
        return self._by_port.get(port, {})

    def embedded(self, port: str) -> str | None:
        """Return the name of the port's embedded default, if it has one."""
        return next((name for name, adapter in self.of(port).items() if adapter.embedded), None)


class Binder:
    """Resolves the ports that a deployment needs to adapters, collecting every fault."""

    def __init__(
        self,
        config: Config,
        registry: AdapterRegistry,
        environ: Mapping[str, str],
        faults: list[ConfigurationFault],
    ) -> None:
        self._config = config
        self._registry = registry
        self._reader = SectionReader(config.source, environ, faults)
        self._faults = faults

    def bind(self, needed: Sequence[str]) -> dict[str, Binding]:
        """Return a binding for each needed port that could be bound, in the order given."""
        self._check_sections()
        bindings = {}
        for port in dict.fromkeys(needed):
            binding = self._bind_port(port)
            if binding is not None:
                bindings[port] = binding
        return bindings

    def _bind_port(self, port: str) -> Binding | None:
        name = self._config.ports.get(port) or self._registry.embedded(port)
        if name is None:
            self._fault(f"ports.{port}", "is needed by an enabled plugin and bound to nothing", self._choices(port))
            return None
        adapter = self._registry.of(port).get(name)
        if adapter is None:
            return None
        if adapter.embedded and self._config.is_production:
            hint = f"set ports.{port} to one of: {', '.join(n for n in self._registry.of(port) if n != name)}"
            self._fault(f"ports.{port}", f"{name!r} is for development; production refuses it", hint)
            return None
        return self._build(port, adapter)

    def _build(self, port: str, adapter: AdapterDeclaration) -> Binding | None:
        key = f"adapters.{port}.{adapter.name}"
        try:
            module = importlib.import_module(adapter.module)
        except ImportError as error:
            self._fault(key, f"cannot be imported: {error}", f"is the package of {adapter.module} installed?")
            return None
        except Exception as error:  # noqa: BLE001 - whatever importing an adapter raises is that adapter's fault
            self._fault(key, f"cannot be imported: {one_line(error)}", f"mend {adapter.module}")
            return None
        if missing := [name for name in ("Settings", "open") if not hasattr(module, name)]:
            self._fault(key, f"{adapter.module} holds no {' and no '.join(missing)}", "see docs/ports.md")
            return None
        section = dict(self._config.adapter_sections.get(port, {}).get(adapter.name, {}))
        if "state_dir" in {field.name for field in msgspec.structs.fields(module.Settings)}:
            section.setdefault("state_dir", str(self._config.state_path))
        settings = self._reader.read(module.Settings, section, key)
        if settings is None:
            return None
        return Binding(port=port, adapter=adapter, settings=settings, open=module.open)

    def _check_sections(self) -> None:
        for port, name in self._config.ports.items():
            self._check_name(f"ports.{port}", port, name)
        for port, sections in self._config.adapter_sections.items():
            for name in sections:
                self._check_name(f"adapters.{port}.{name}", port, name)

    def _check_name(self, key: str, port: str, name: str) -> None:
        if port not in self._registry.ports():
            self._fault(key, f"there is no port {port!r}", did_you_mean(port, self._registry.ports()))
        elif name not in self._registry.of(port):
            self._fault(key, f"the port {port!r} has no adapter {name!r}", self._choices(port, name))

    def _choices(self, port: str, name: str = "") -> str:
        return did_you_mean(name, self._registry.of(port))

    def _fault(self, key: str, message: str, hint: str) -> None:
        self._faults.append(ConfigurationFault(self._config.source, key, message, hint))


BUILT_IN: Final = (
    AdapterDeclaration(
        port="storage",
        name="embedded_postgres",
        module="adapters.storage.embedded_postgres",
        embedded=True,
    ),
    AdapterDeclaration(port="storage", name="postgres", module="adapters.storage.postgres"),
    AdapterDeclaration(port="mail", name="maildir", module="adapters.mail.maildir", embedded=True),
    AdapterDeclaration(port="mail", name="smtp", module="adapters.mail.smtp"),
)
"""The adapters that come with the framework; named by path, since the core imports none of them."""


@asynccontextmanager
async def open_adapters(
    bindings: Mapping[str, Binding], given: Mapping[str, Any], wrap: Callable[[str, Any], Any]
) -> AsyncIterator[dict[str, Any]]:
    """Open every binding in order, close them in reverse, and yield the ports by name.

    A port in `given` is taken as it is instead of being opened (tests hand in fakes). `wrap(port, adapter)` may put
    something around each, such as spans.

    Raises:
        StartupError: an adapter does not open.
    """
    async with AsyncExitStack() as stack:
        ports = {}
        for name in [*bindings, *(port for port in given if port not in bindings)]:
            if name in given:
                adapter = given[name]
            else:
                adapter = await stack.enter_async_context(opened(bindings[name]))
            ports[name] = wrap(name, adapter)
        yield ports


@asynccontextmanager
async def opened(binding: Binding) -> AsyncIterator[Any]:
    """Open one binding and yield the port.

    Raises:
        StartupError: the adapter does not open; its own error is the cause.
    """
    async with AsyncExitStack() as stack:
        try:
            with contained():
                opening = binding.open(binding.settings)
                port = await stack.enter_async_context(ClosingInTime(opening, f"the port {binding.port}"))
            _require_port(port)
        except Exception as error:
            message = f"the adapter {binding.adapter.name!r} of the port {binding.port!r} does not open"
            raise StartupError(f"{message}: {one_line(error)}") from error
        yield port


def _require_port(port: Any) -> None:
    if not hasattr(port, "ping"):
        raise TypeError(f"it yields a {type(port).__name__}, which is no port")
