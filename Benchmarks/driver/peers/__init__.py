"""leased and the peers that it is compared with, one module each."""

from collections.abc import Callable

from peers.base import Peer, Place
from peers.etcd import Etcd
from peers.flock import Flock
from peers.leased import Leased
from peers.postgresql import PostgreSQL
from peers.redis import Redis

#: In the order of the tables.
MAKERS: dict[str, Callable[[Place], Peer]] = {
    "leased": Leased,
    "redis-always": lambda place: Redis(place, "always"),
    "redis-everysec": lambda place: Redis(place, "everysec"),
    "etcd": Etcd,
    "postgresql": PostgreSQL,
    "flock": Flock,
}

__all__ = ["MAKERS", "Leased", "Peer", "Place", "Redis"]
