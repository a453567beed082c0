"""`workers check`: the probe of a worker, which asks every few seconds and so loads nothing that it does not need."""

import os

from core.config import Config, read_config
from core.faults import ConfigurationFault
from core.liveness import signs_of_life

COMMAND = ["workers", "check"]


def check_workers() -> int:
    """Say how the workers of this state folder are; return the exit code: 0 where there is one and none is stuck."""
    faults: list[ConfigurationFault] = []
    config: Config = read_config(None, os.environ, faults)
    signs = list(signs_of_life(config.workers_path))
    for sign in signs:
        state = "at work" if sign.is_fresh else "stuck"
        print(f"worker {sign.process}: {state}, last sign of life {sign.age:.1f} s ago")  # noqa: T201 - its output
    if not signs:
        print(f"no worker runs here ({config.workers_path})")  # noqa: T201 - its output
    return 0 if signs and all(sign.is_fresh for sign in signs) else 1
