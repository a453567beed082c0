"""The configuration: plugins.toml, the `.env` beside it and the environment, in this order of rising precedence.

Any key can be set by `HEXASTAR__SECTION__KEY`; a value that begins like a TOML array, table or string is read as
TOML, anything else as a word. Every section is decoded by itself, so that a fault names its file or variable, its
key, what was expected, what was given, and a hint. Nothing stops at the first fault.
"""

import os
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec

from core.config_file import PREFIX, Raw, apply_environment, read_dotenv, read_toml
from core.faults import ConfigurationError, ConfigurationFault, did_you_mean
from core.sections import SectionReader
from ports.secrets import Secret

FILE_NAME: Final = "plugins.toml"
PATH_VARIABLE: Final = "HEXASTAR_CONFIG"
MINIMUM_SECRET_LENGTH: Final = 32
PRODUCTION_DRAIN: Final = 5.0
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
BELLS: Final = ("redis", "rediss", "unix")

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
"""A time that somebody waits for: never none, never for ever."""

Profile = Literal["development", "test", "production"]


class JobSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[jobs]` section: how workers run. Times are seconds.

    Attributes:
        concurrency: how many jobs a worker process runs at a time.
        lease: how long a worker may be silent before another takes its jobs over; one that died is missed sooner.
        grace: how long running jobs may go on at a stop before they are cut off, their attempts given back.
        plugin_share: the part of a worker's slots that the jobs of one plugin may fill, where there are several.
        keep_done: how long done jobs are kept.
        keep_dead: how long dead jobs are kept, to be looked at and retried.
        in_process: whether `run` also works; None means in development and test only.
    """

    concurrency: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 20
    lease: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 30.0
    grace: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 25.0
    plugin_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.75
    keep_done: Annotated[float, msgspec.Meta(ge=0, le=3e9)] = 86_400.0
    keep_dead: Annotated[float, msgspec.Meta(ge=0, le=3e9)] = 30 * 86_400.0
    in_process: bool | None = None


class ClientLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many requests one client may send within so many seconds."""

    requests: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
    seconds: Annotated[int, msgspec.Meta(ge=1, le=86_400)]


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[http]` section: what the server accepts. Sizes are bytes, times are seconds.

    Attributes:
        max_body: the largest body.
        max_connections: connections that one process holds at once; more are refused.
        header_timeout: how long the request line and the headers may take.
        write_timeout: how long a client may leave an answer that waits for it.
        request_timeout: how long a request may take from its body's end to the beginning of its answer.
        drain_delay: how long a process that is told to stop serves on, no longer ready; None: 5 in production, else 0.
        body_chunk_timeout: how long the next chunk of a body may take.
        body_timeout: how long a whole body may take.
        allowed_hosts: names under which the service may be addressed; none listed: any.
        trusted_proxies: networks of our own proxies, whose word for client and scheme is taken.
        forwarded_header: what those proxies write the chain of addresses to; the other header is a client's claim.
        cors_origins: origins whose pages may call the service, exactly as browsers write them; `*` stands alone.
        hsts: whether browsers are told to come over TLS only; None: in production with an https `public_url`.
        max_in_flight: requests that one process works on at once; more are answered 503 at once.
        rate_limit: what one client (an IPv4 address, an IPv6 /64) may ask of `/api/`; None: what the routes allow.
    """

    max_body: Annotated[int, msgspec.Meta(ge=1)] = 2 * 1024 * 1024
    max_connections: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1000
    header_timeout: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0
    write_timeout: Seconds = 30.0
    request_timeout: Seconds = 10.0
    drain_delay: Annotated[float, msgspec.Meta(ge=0, le=600)] | None = None
    body_chunk_timeout: Seconds = 15.0
    body_timeout: Seconds = 60.0
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    forwarded_header: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    cors_origins: tuple[str, ...] = ()
    hsts: bool | None = None
    max_in_flight: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 128
    rate_limit: ClientLimit | None = None


class TopLevel(msgspec.Struct, frozen=True, kw_only=True):
    """The keys at the top of the file."""

    profile: Profile = "development"
    state_dir: str = "var"
    server: Literal["granian", "uvicorn"] = "uvicorn"
    bell: str = "storage"
    secret_key: Secret | None = None
    previous_secret_key: Secret | None = None
    admin_key: Secret | None = None
    public_url: str | None = None
    http: HttpSettings = HttpSettings()
    jobs: JobSettings = JobSettings()


class PluginsSection(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of `[plugins]` that are the core's own; the tables below it belong to the plugins."""

    enabled: tuple[str, ...] = ()
    on_failure: Literal["stop", "skip"] = "stop"


class Config(TopLevel, frozen=True, kw_only=True):
    """The decoded configuration. Sections that belong to plugins and adapters stay raw until those are known."""

    enabled: tuple[str, ...] = ()
    on_failure: Literal["stop", "skip"] = "stop"
    plugin_sections: Mapping[str, Raw] = {}
    ports: Mapping[str, str] = {}
    adapter_sections: Mapping[str, Mapping[str, Raw]] = {}
    source: str = FILE_NAME
    directory: str = "."

    @property
    def is_production(self) -> bool:
        """Tell whether unsafe defaults are refused."""
        return self.profile == "production"

    @property
    def sends_hsts(self) -> bool:
        """Tell whether browsers are told to come over TLS only."""
        served_over_tls = self.is_production and (self.public_url or "").startswith("https:")
        return served_over_tls if self.http.hsts is None else self.http.hsts

    @property
    def drain_delay(self) -> float:
        """Seconds for which a process that is told to stop serves on: long enough for two probes of a balancer."""
        asked = self.http.drain_delay
        return (PRODUCTION_DRAIN if self.is_production else 0.0) if asked is None else asked

    @property
    def state_path(self) -> Path:
        """The folder of the embedded adapters' state and of generated keys, absolute."""
        return (Path(self.directory) / self.state_dir).resolve()

    @property
    def workers_path(self) -> Path:
        """The folder where the workers of this machine give signs of life."""
        return self.state_path / "workers"

    @property
    def works_in_process(self) -> bool:
        """Tell whether the serving process also runs jobs."""
        return not self.is_production if self.jobs.in_process is None else self.jobs.in_process


def load_config(path: str | Path | None, environ: Mapping[str, str]) -> Config:
    """Read the configuration.

    The file is `path`, else `HEXASTAR_CONFIG`, else `plugins.toml` in the working directory.

    Raises:
        ConfigurationError: with every fault that was found.
    """
    faults: list[ConfigurationFault] = []
    config = read_config(path, environ, faults)
    if faults:
        raise ConfigurationError(faults)
    return config


def read_config(path: str | Path | None, environ: Mapping[str, str], faults: list[ConfigurationFault]) -> Config:
    """Read the configuration as `load_config` does, but note the faults; what is faulty is left at its default.

    So the plugins and adapters can be looked at as well, and their faults told together with those of the file.
    """
    file = Path(path or environ.get(PATH_VARIABLE) or FILE_NAME)
    raw = read_toml(file, faults)
    variables = {**read_dotenv(file.parent / ".env", faults), **environ}
    apply_environment(raw, variables, faults)
    return _decode(raw, file, variables, faults)


def _decode(raw: Raw, file: Path, environ: Mapping[str, str], faults: list[ConfigurationFault]) -> Config:
    source = str(file)
    sections = {name: raw.pop(name, {}) for name in ("plugins", "ports", "adapters")}
    for name, section in sections.items():
        if not isinstance(section, dict):
            faults.append(ConfigurationFault(source, name, "expected a table", f"write [{name}]"))
            sections[name] = {}
    plugins = sections["plugins"]
    own = {key: plugins.pop(key) for key in ("enabled", "on_failure") if key in plugins}
    reader = SectionReader(source, environ, faults)
    top = reader.read_sound(TopLevel, raw, "", also_known=sections)
    plugins_section = reader.read_sound(PluginsSection, own, "plugins")
    _check_tables(plugins, "plugins", source, ("enabled", "on_failure"), faults)
    for port, adapters in list(sections["adapters"].items()):
        if isinstance(adapters, dict):
            _check_tables(adapters, f"adapters.{port}", source, (), faults)
        else:
            faults.append(ConfigurationFault(source, f"adapters.{port}", "expected a table"))
            del sections["adapters"][port]
    ports = _read_ports(sections["ports"], source, faults)
    _check_repeated(plugins_section.enabled, source, faults)
    config = Config(
        **msgspec.structs.asdict(top),
        enabled=tuple(dict.fromkeys(plugins_section.enabled)),
        on_failure=plugins_section.on_failure,
        plugin_sections=plugins,
        ports=ports,
        adapter_sections=sections["adapters"],
        source=source,
        directory=str(file.parent.resolve()),
    )
    unsound = {fault.key for fault in faults}
    faults += [fault for fault in _check_values(config) if fault.key not in unsound]
    return config


def _check_tables(
    section: Raw, prefix: str, source: str, known: tuple[str, ...], faults: list[ConfigurationFault]
) -> None:
    for key, value in list(section.items()):
        if not isinstance(value, dict):
            hint = did_you_mean(key, known) if known else "write a table"
            faults.append(ConfigurationFault(source, f"{prefix}.{key}", "unknown key", hint))
            del section[key]


def _read_ports(section: Raw, source: str, faults: list[ConfigurationFault]) -> dict[str, str]:
    ports = {}
    for port, adapter in section.items():
        if isinstance(adapter, str):
            ports[port] = str(adapter)
        else:
            message = f"expected the name of an adapter, got {type(adapter).__name__}"
            faults.append(ConfigurationFault(source, f"ports.{port}", message, 'for example "smtp"'))
    return ports


def _check_repeated(enabled: tuple[str, ...], source: str, faults: list[ConfigurationFault]) -> None:
    repeated = sorted({name for name in enabled if enabled.count(name) > 1})
    faults += [ConfigurationFault(source, "plugins.enabled", f"{name!r} is listed twice") for name in repeated]


def _check_values(config: Config) -> Iterator[ConfigurationFault]:
    """Yield a fault for each value that has the right type and still cannot be used."""
    for key, message, hint in (*_always(config), *(_in_production(config) if config.is_production else ())):
        yield ConfigurationFault(config.source, key, message, hint)


def _always(config: Config) -> Iterator[tuple[str, str, str]]:
    if not config.state_dir:
        yield "state_dir", "is empty", 'name a folder, such as "var"'
    elif not config.is_production and (obstacle := _obstacle(config.state_path)):
        yield "state_dir", obstacle, "name a folder that this user may write to"
    if config.bell != "storage" and not _is_address(config.bell, BELLS):
        yield "bell", f"expected 'storage' or the address of a Redis server, got {config.bell!r}", "redis://host:6379"
    if config.public_url is not None and not _is_address(config.public_url, ("http", "https")):
        yield "public_url", f"expected an address, got {config.public_url!r}", "https://api.example.org"
    for name in ("secret_key", "previous_secret_key", "admin_key"):
        secret = getattr(config, name)
        if secret is not None and not secret.reveal():
            yield name, "is empty", "leave it out, or give it a random value"
    yield from _about_http(config.http)


def _about_http(http: HttpSettings) -> Iterator[tuple[str, str, str]]:
    for network in http.trusted_proxies:
        try:
            ip_network(network)
        except ValueError as error:
            yield "http.trusted_proxies", str(error), 'addresses or networks, such as "10.0.0.0/8"'
    for origin in http.cors_origins:
        if origin == "*" and len(http.cors_origins) > 1:
            yield "http.cors_origins", "'*' stands alone", "list the origins, or '*' for pages of anybody"
        elif origin != "*" and not _is_origin(origin):
            hint = "https://app.example.org: lower case, no path, no default port, no wildcard"
            yield "http.cors_origins", f"{origin!r} is not an origin", hint


def _in_production(config: Config) -> Iterator[tuple[str, str, str]]:
    if config.secret_key is None:
        hint = f"set {PREFIX}SECRET_KEY to {MINIMUM_SECRET_LENGTH} random characters or more"
        yield "secret_key", "is required in production", hint
    elif 0 < len(config.secret_key.reveal()) < MINIMUM_SECRET_LENGTH:
        yield "secret_key", f"is shorter than {MINIMUM_SECRET_LENGTH} characters", "use a random one"
    if config.admin_key is None:
        yield "admin_key", "is required in production", f"set {PREFIX}ADMIN_KEY to a random key"
    if "*" in config.http.cors_origins:
        yield "http.cors_origins", "'*' is refused in production", "list them"


def _is_address(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.netloc or (parts.scheme == "unix" and parts.path))


def _is_origin(text: str) -> bool:
    """Tell whether a browser would write an origin so (RFC 6454, 6.2), since it is compared letter by letter."""
    if not _is_address(text, tuple(DEFAULT_PORTS)) or "*" in text:
        return False
    parts = urlsplit(text)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in {None, DEFAULT_PORTS[parts.scheme]} else f":{parts.port}"
    return text == f"{parts.scheme}://{host}{port}"


def _obstacle(folder: Path) -> str:
    """Return why `folder` cannot be written to or made, or nothing; nothing is made to find out."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        return f"{existing} is not a folder"
    return "" if os.access(existing, os.W_OK | os.X_OK) else f"{existing} cannot be written to"
