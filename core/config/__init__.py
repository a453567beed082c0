"""The configuration: plugins.toml, the `.env` beside it and the environment, in this order of rising precedence.

Any key can be set by `HEXASTAR__SECTION__KEY`; a value that begins like a TOML array, table or string is read as
TOML, anything else as a word. Every section is decoded by itself, so that a fault names its file or variable, its
key, what was expected, what was given, and a hint. Nothing stops at the first fault.
"""

from core.config.loading import load_config, read_config
from core.config.settings import Config

__all__ = ["Config", "load_config", "read_config"]
