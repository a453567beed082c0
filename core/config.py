"""The configuration: plugins.toml, the `.env` beside it and the environment, in this order of rising precedence.

Any key can be set by `HEXASTAR__SECTION__KEY`; a value that begins like a TOML array, table or string is read as
TOML, anything else as a word. Every section is decoded by itself, so that a fault names its file or variable, its
key, what was expected, what was given, and a hint. Nothing stops at the first fault.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from core.faults import ConfigurationError, ConfigurationFault, did_you_mean
from core.sections import FromEnvironment, SectionReader
from ports.secrets import Secret

FILE_NAME: Final = "plugins.toml"
PREFIX: Final = "HEXASTAR__"
PATH_VARIABLE: Final = "HEXASTAR_CONFIG"
MINIMUM_SECRET_LENGTH: Final = 32

Profile = Literal["development", "test", "production"]
Raw = dict[str, Any]


class JobSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[jobs]` section: how workers run. Times are seconds."""

    concurrency: int = 20
    lease: float = 30.0
    grace: float = 25.0
    keep_done: float = 86_400.0
    in_process: bool | None = None
    """Whether `litestar run` also works; None means in development and test only."""


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[http]` section: what the server accepts. Sizes are bytes, times are seconds."""

    max_body: int = 2 * 1024 * 1024
    body_chunk_timeout: float = 15.0
    body_timeout: float = 60.0
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    hsts: bool = False


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
    def state_path(self) -> Path:
        """The folder of the embedded adapters' state and of generated keys, absolute."""
        return (Path(self.directory) / self.state_dir).resolve()

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
    file = Path(path or environ.get(PATH_VARIABLE) or FILE_NAME)
    faults: list[ConfigurationFault] = []
    raw = _read_toml(file, faults)
    variables = {**_read_dotenv(file.parent / ".env"), **environ}
    _apply_environment(raw, variables, faults)
    config = _decode(raw, file, variables, faults)
    if faults:
        raise ConfigurationError(faults)
    return config


def _read_toml(file: Path, faults: list[ConfigurationFault]) -> Raw:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        hint = f"write one, or name it with --config or {PATH_VARIABLE}"
        faults.append(ConfigurationFault(str(file), "", "there is no such file", hint))
    except (OSError, UnicodeDecodeError) as error:
        faults.append(ConfigurationFault(str(file), "", f"cannot be read: {error}"))
    except tomllib.TOMLDecodeError as error:
        faults.append(ConfigurationFault(str(file), "", f"is not TOML: {error}"))
    return {}


def _read_dotenv(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    from dotenv import dotenv_values

    return {key: value for key, value in dotenv_values(file).items() if value is not None}


def _apply_environment(raw: Raw, environ: Mapping[str, str], faults: list[ConfigurationFault]) -> None:
    for variable in sorted(environ):
        if not variable.startswith(PREFIX):
            continue
        *parents, leaf = variable.removeprefix(PREFIX).lower().split("__")
        section = raw
        for parent in parents:
            section = section.setdefault(parent, {})
            if not isinstance(section, dict):
                faults.append(ConfigurationFault(variable, "", f"{parent} is not a section"))
                break
        else:
            section[leaf] = _environment_value(variable, environ[variable], faults)


def _environment_value(variable: str, text: str, faults: list[ConfigurationFault]) -> Any:
    if text[:1] not in ("[", "{", '"'):
        return FromEnvironment(text, variable)
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        faults.append(ConfigurationFault(variable, "", f"is not a TOML value: {error}"))
        return FromEnvironment(text, variable)


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
    top = reader.read(TopLevel, raw, "", also_known=sections)
    plugins_section = reader.read(PluginsSection, own, "plugins")
    _check_tables(plugins, "plugins", source, ("enabled", "on_failure"), faults)
    for port, adapters in sections["adapters"].items():
        if isinstance(adapters, dict):
            _check_tables(adapters, f"adapters.{port}", source, (), faults)
        else:
            faults.append(ConfigurationFault(source, f"adapters.{port}", "expected a table"))
    _check_ports(sections["ports"], source, faults)
    if top is None or plugins_section is None:
        raise ConfigurationError(faults)
    _check_repeated(plugins_section.enabled, source, faults)
    _check_production(top, source, faults)
    return Config(
        **msgspec.structs.asdict(top),
        enabled=plugins_section.enabled,
        on_failure=plugins_section.on_failure,
        plugin_sections=plugins,
        ports={port: str(adapter) for port, adapter in sections["ports"].items()},
        adapter_sections=sections["adapters"],
        source=source,
        directory=str(file.parent.resolve()),
    )


def _check_tables(
    section: Raw, prefix: str, source: str, known: tuple[str, ...], faults: list[ConfigurationFault]
) -> None:
    for key, value in list(section.items()):
        if not isinstance(value, dict):
            hint = did_you_mean(key, known) if known else "write a table"
            faults.append(ConfigurationFault(source, f"{prefix}.{key}", "unknown key", hint))
            del section[key]


def _check_ports(ports: Raw, source: str, faults: list[ConfigurationFault]) -> None:
    for port, adapter in ports.items():
        if not isinstance(adapter, str):
            message = f"expected the name of an adapter, got {type(adapter).__name__}"
            faults.append(ConfigurationFault(source, f"ports.{port}", message, 'for example "smtp"'))


def _check_repeated(enabled: tuple[str, ...], source: str, faults: list[ConfigurationFault]) -> None:
    repeated = sorted({name for name in enabled if enabled.count(name) > 1})
    faults += [ConfigurationFault(source, "plugins.enabled", f"{name!r} is listed twice") for name in repeated]


def _check_production(top: TopLevel, source: str, faults: list[ConfigurationFault]) -> None:
    if top.profile != "production":
        return
    if top.secret_key is None:
        hint = f"set {PREFIX}SECRET_KEY to {MINIMUM_SECRET_LENGTH} random characters or more"
        faults.append(ConfigurationFault(source, "secret_key", "is required in production", hint))
    elif len(top.secret_key.reveal()) < MINIMUM_SECRET_LENGTH:
        message = f"is shorter than {MINIMUM_SECRET_LENGTH} characters"
        faults.append(ConfigurationFault(source, "secret_key", message, "use a random one"))
    if top.admin_key is None:
        hint = f"set {PREFIX}ADMIN_KEY to a random key"
        faults.append(ConfigurationFault(source, "admin_key", "is required in production", hint))
    if "*" in top.http.cors_origins:
        faults.append(ConfigurationFault(source, "http.cors_origins", "'*' is refused in production", "list them"))
