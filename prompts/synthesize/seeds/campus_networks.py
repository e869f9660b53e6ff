"""system-administration, networking

A campus has one block of addresses and a list of departments with the number of hosts each needs. Every department
gets a network of the smallest size that holds its hosts beside the network's own two addresses; networks begin at
multiples of their size and do not overlap. Some networks are taken already and stay. Serve the large ones first, the
first by name among equals, each at the lowest free place, and list the networks that are left over, as few and as
large as can be.
"""

from ipaddress import IPv4Network, collapse_addresses


def assign(
    block: str, taken: list[str], hosts: dict[str, int]
) -> tuple[dict[str, IPv4Network | None], list[IPv4Network]]:
    """The network of each department, None where there was no room, and what is left over."""
    free = [IPv4Network(block)]
    for network in map(IPv4Network, taken):
        free = [rest for part in free for rest in _without(part, network)]
    result: dict[str, IPv4Network | None] = {}
    for name in sorted(hosts, key=lambda name: (-_size(hosts[name]), name)):
        prefix = 32 - _size(hosts[name])
        room = [part for part in sorted(free) if part.prefixlen <= prefix]
        result[name] = next(room[0].subnets(new_prefix=prefix)) if room else None
        free = [rest for part in free for rest in _without(part, result[name])]
    return result, list(collapse_addresses(free))


def _size(hosts: int) -> int:
    """Bits for the hosts and two addresses more."""
    return max(2, (hosts + 1).bit_length())


def _without(part: IPv4Network, network: IPv4Network | None) -> list[IPv4Network]:
    if network is None or not part.overlaps(network):
        return [part]
    return list(part.address_exclude(network)) if network.subnet_of(part) and network != part else []
