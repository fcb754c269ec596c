"""Telling systemd that the daemon is ready and alive (sd_notify(3)); nothing elsewhere."""

import os
import socket


def notify(state: str) -> None:
    """Send a state such as `READY=1` to systemd, if it started us and wants to know."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # abstract namespace
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.connect(address)
        sock.sendall(state.encode())


def watchdog_interval_s() -> float | None:
    """How often systemd wants a sign of life, halved as it recommends; None = never."""
    value = os.environ.get("WATCHDOG_USEC")
    return int(value) / 2e6 if value and value.isdigit() and int(value) else None
