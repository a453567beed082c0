"""Reading the configuration: its sources put over one another, its sections decoded, its values checked."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from core.config.checks import unusable_values
from core.config.sections import SectionReader
from core.config.settings import Config, PluginsSection, TopLevel
from core.config.sources import FILE_NAME, PATH_VARIABLE, PREFIX, Raw, apply_environment, read_dotenv, read_toml
from core.faults import ConfigurationError, ConfigurationFault, did_you_mean


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


def misspelt_variables(config: Config, environ: Mapping[str, str]) -> Iterator[ConfigurationFault]:
    """Yield a fault for each `HEXASTAR_KEY` whose key exists: with one underscore it would be ignored in silence.

    Others of that prefix are left alone: Kubernetes makes some for a service of our name.
    """
    keys = {f"HEXASTAR_{name.upper()}": name for name in TopLevel.__struct_fields__}
    given = {**read_dotenv(Path(config.directory) / ".env", []), **environ}
    for variable in sorted(keys.keys() & given.keys() - {PATH_VARIABLE}):
        hint = f"{PREFIX}{keys[variable].upper()}, with two underscores"
        yield ConfigurationFault(variable, "", "is read by nobody", hint)


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
    _check_adapters(sections["adapters"], source, faults)
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
    faults += [fault for fault in unusable_values(config) if fault.key not in unsound]
    return config


def _check_tables(
    section: Raw, prefix: str, source: str, known: tuple[str, ...], faults: list[ConfigurationFault]
) -> None:
    for key, value in list(section.items()):
        if not isinstance(value, dict):
            hint = did_you_mean(key, known) if known else "write a table"
            faults.append(ConfigurationFault(source, f"{prefix}.{key}", "unknown key", hint))
            del section[key]


def _check_adapters(section: Raw, source: str, faults: list[ConfigurationFault]) -> None:
    for port, adapters in list(section.items()):
        if isinstance(adapters, dict):
            _check_tables(adapters, f"adapters.{port}", source, (), faults)
        else:
            faults.append(ConfigurationFault(source, f"adapters.{port}", "expected a table"))
            del section[port]


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
