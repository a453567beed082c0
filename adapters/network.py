"""Where what an adapter sends travels."""

from ipaddress import ip_address


def is_this_machine(host: str | None) -> bool:
    """Tell whether what is sent to `host` stays on this machine; a socket in the file system is no host, or a path."""
    if not host or host == "localhost" or host.startswith("/"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
