"""Failpoints: named places at which a process can be told to die, so that a test can kill it exactly there.

    _CLAIMED = Failpoint("jobs.claimed")     # at module level, which registers the name
    ...
    _CLAIMED()                               # where a crash would matter

`HEXASTAR_FAILPOINT=jobs.claimed` kills the process with SIGKILL as it passes that place, and `jobs.claimed:3` as it
passes there for the third time. In production nothing can be armed.
"""

import importlib
import os
import signal
from collections.abc import Iterator, Mapping
from typing import Final

from core.faults import ConfigurationFault, did_you_mean

VARIABLE: Final = "HEXASTAR_FAILPOINT"

LAZY_MODULES: Final = ("core.working",)
"""Modules that register failpoints and that a process loads only when it needs them."""

_registered: "dict[str, Failpoint]" = {}


class Failpoint:
    """A place that can kill the process. Unarmed it costs a call and the test of one attribute.

    Raises:
        ValueError: another place has this name.
    """

    __slots__ = ("_armed", "_passages_left", "name")

    def __init__(self, name: str) -> None:
        if name in _registered:
            raise ValueError(f"there are two failpoints of the name {name!r}")
        self.name = name
        self._armed = False
        self._passages_left = 0
        _registered[name] = self

    def __call__(self) -> None:
        """Pass this place."""
        if self._armed:
            self._pass()

    def arm(self, passage: int) -> None:
        """Kill the process at the passage of this number, from 1."""
        self._armed, self._passages_left = True, passage

    def disarm(self) -> None:
        """Let everything pass."""
        self._armed = False

    def _pass(self) -> None:
        self._passages_left -= 1
        if self._passages_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def names() -> tuple[str, ...]:
    """Return the names of every failpoint that a loaded module has registered, in order of the alphabet."""
    return tuple(sorted(_registered))


def arm(environ: Mapping[str, str], *, production: bool) -> Iterator[ConfigurationFault]:
    """Arm the failpoint that `environ` names, and no other; yield what is wrong with what it says.

    To be called once every plugin is loaded, since those register failpoints too.
    """
    for failpoint in _registered.values():
        failpoint.disarm()
    text = environ.get(VARIABLE)
    if not text:
        return
    if production:
        yield ConfigurationFault(VARIABLE, "", "is refused in production", "unset it")
        return
    for module in LAZY_MODULES:
        importlib.import_module(module)
    name, _, passage = text.partition(":")
    if passage and not (passage.isdecimal() and int(passage) > 0):
        yield ConfigurationFault(VARIABLE, "", f"{passage!r} is not the number of a passage", f"{name}:1")
    elif name not in _registered:
        near = did_you_mean(name, names())
        known = f"the known ones are {', '.join(names())}"
        yield ConfigurationFault(VARIABLE, "", f"there is no failpoint {name!r}; {known}", near)
    else:
        _registered[name].arm(int(passage or 1))
