"""Under which names the demo answers (the Host header), and which address its visitors are told.

Another site can give its own name this machine's address (DNS rebinding), so that its page reaches the demo from a
visitor's browser. The browser then still sends that name as Host, and no name of ours.
"""

import ipaddress
import socket
from collections.abc import Collection

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
FAR_AWAY = {socket.AF_INET: "203.0.113.1", socket.AF_INET6: "2001:db8::1"}  # kept for examples (RFC 5737, RFC 3849)


def names_for(host: str) -> list[str]:
    """The names of a demo at `--host host`, besides the address at which a request arrives."""
    if is_loopback(host):
        return sorted({*LOOPBACK_NAMES, bare_name(host)})
    return sorted(bare_name(name) for name in {*LOOPBACK_NAMES, host, socket.gethostname(), socket.getfqdn()})


def is_answered(header: str, names: Collection[str], arrived_at: str | None) -> bool:
    """Whether a Host header is one of `names`, or the very address of this machine at which the request arrived.

    Args:
        names: as `bare_name` gives them; "*.example.org" stands for every name below, "*" for all.
        arrived_at: the connection's own end; None when it has no address (a Unix socket).
    """
    name = bare_name(header)
    if name in names or (arrived_at is not None and name == bare_name(arrived_at)):
        return True
    return any(pattern.startswith("*") and name.endswith(pattern[1:]) for pattern in names)


def bare_name(host: str) -> str:
    """`host` in small letters without port and brackets; an address in its one spelling, IPv4 as IPv4."""
    name = host.strip().lower()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return name
    return str(getattr(address, "ipv4_mapped", None) or address)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def url_of(listening: socket.socket) -> str:
    """Where a browser finds a bound socket: of one that listens everywhere, the address that other machines see."""
    address, port = listening.getsockname()[:2]
    if ipaddress.ip_address(address).is_unspecified:
        address = _address_seen(listening.family)
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def _address_seen(family: socket.AddressFamily) -> str:
    """The address from which this machine would send into the network (nothing is sent); loopback without one."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((FAR_AWAY[family], 9))
        except OSError:
            return "::1" if family == socket.AF_INET6 else "127.0.0.1"
        return str(probe.getsockname()[0])
