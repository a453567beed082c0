"""Reading the configuration's sources, undecoded: plugins.toml, the `.env` beside it, the environment."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from core.config.sections import FromEnvironment
from core.faults import ConfigurationFault

FILE_NAME: Final = "plugins.toml"
PATH_VARIABLE: Final = "HEXASTAR_CONFIG"
PREFIX: Final = "HEXASTAR__"

Raw = dict[str, Any]


def read_toml(file: Path, faults: list[ConfigurationFault]) -> Raw:
    """Return what the file says, undecoded; nothing where it cannot be read."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        hint = "write one, or name it with --config or HEXASTAR_CONFIG"
        faults.append(ConfigurationFault(str(file), "", "there is no such file", hint))
    except (OSError, UnicodeDecodeError) as error:
        faults.append(ConfigurationFault(str(file), "", f"cannot be read: {error}"))
    except tomllib.TOMLDecodeError as error:
        faults.append(ConfigurationFault(str(file), "", f"is not TOML: {error}"))
    return {}


def read_dotenv(file: Path, faults: list[ConfigurationFault]) -> dict[str, str]:
    """Return the variables in the file, if there is one."""
    if not file.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return {key: value for key, value in dotenv_values(file).items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        faults.append(ConfigurationFault(str(file), "", f"cannot be read: {error}"))
        return {}


def apply_environment(raw: Raw, environ: Mapping[str, str], faults: list[ConfigurationFault]) -> None:
    """Put each `HEXASTAR__SECTION__KEY` of `environ` in its place, over what the file says."""
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
