"""What the figures were measured on."""

import os
import platform
from importlib.metadata import version

PACKAGES = ("litestar", "asyncpg", "msgspec", "uvicorn", "granian")


def description() -> str:
    """Return one line on the machine and the versions that matter."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    return f"{machine}, Python {platform.python_version()}, {packages}"
