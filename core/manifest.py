"""What a plugin says about itself before any of its hooks is called."""

import msgspec


class NoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of a plugin that has none."""


class PluginManifest(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin's declaration, found as `manifest` in its package.

    Attributes:
        name: the plugin's name in plugins.toml; also its Postgres schema and the prefix of its job names.
        version: its own version, for people.
        summary: one line for people.
        requires: plugins that must be enabled with it and come up before it.
        ports: ports that it needs; binding them is checked at start.
        optional_ports: ports that it uses where they are bound; they are reported by readiness, never failing.
        settings: Struct of its section of plugins.toml; unknown keys in the section are errors. Two methods are called
            where it has them: `in_profile(profile)` returns the settings with the defaults that depend on the profile,
            and `unsafe()` yields what production refuses, as pairs of a key and the reason.
    """

    name: str
    version: str
    summary: str
    requires: tuple[str, ...] = ()
    ports: tuple[str, ...] = ("storage",)
    optional_ports: tuple[str, ...] = ()
    settings: type[msgspec.Struct] = NoSettings

    def fault(self) -> str:
        """Return what is wrong with the types of these values, or nothing."""
        for key in ("name", "version", "summary"):
            if not isinstance(getattr(self, key), str):
                return f"{key} must be a str"
        for key in ("requires", "ports", "optional_ports"):
            names = getattr(self, key)
            if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
                return f"{key} must be a tuple of str, not {names!r}"
        if not (isinstance(self.settings, type) and issubclass(self.settings, msgspec.Struct)):
            return f"settings must be a msgspec Struct, not {self.settings!r}"
        return ""
