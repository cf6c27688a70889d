"""The store as the contract defines it, in a few dictionaries, without any knowledge of the daemon's storage."""

import random
from collections import defaultdict
from dataclasses import dataclass, field

from .resp import OK, Argument, Reply, ReplyError
from .store import KINDS, within


@dataclass
class Refusal:
    """An error that the contract requires."""

    word: str

    def matches(self, reply: Reply) -> bool:
        return isinstance(reply, ReplyError) and reply.word == self.word


@dataclass
class StoreModel:
    """Keys with values, children and leases that end only by command; learns tokens and hashes from replies."""

    values: dict[bytes, bytes] = field(default_factory=dict)
    children: defaultdict[bytes, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    #: Fence and newest token of each lease.
    leases: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    hashes: dict[bytes, int] = field(default_factory=dict)

    def kinds(self, key: bytes) -> list[bytes]:
        there = [key in self.values, bool(self.children.get(key)), key in self.leases]
        return [kind for kind, has in zip(KINDS, there, strict=True) if has]

    def keys(self) -> list[bytes]:
        return sorted({*self.values, *(key for key, children in self.children.items() if children), *self.leases})

    def entry(self, key: bytes) -> list[bytes]:
        """What `EXPORT` returns for a key, up to its lease."""
        words = [b"KEY", key]
        if key in self.values:
            words += [b"SIMPLE", self.values[key]]
        for child in sorted(self.children.get(key, ())):
            words += [b"CHILD", child]
        return words

    def holds(self, lease: bytes, token: int) -> bool:
        return token in self.leases.get(lease, ())

    # Commands

    def expect(self, words: list[Argument]) -> Reply | Refusal:
        """Executes a command, and returns the required answer."""
        if len(words) > 3 and words[-3] == "IF":
            lease, token = words[-2:]
            assert isinstance(lease, bytes)
            assert isinstance(token, int)
            if not self.holds(lease, token):
                return Refusal("EXPIRED")
            words = words[:-3]
        match words:
            case ["PUT" | "SET", bytes(key), bytes(value)]:
                self.values[key] = value
                return OK
            case ["GET", bytes(key)]:
                return self.values.get(key)
            case ["DELETE" | "DEL", bytes(key)]:
                return int(self.values.pop(key, None) is not None)
            case ["PREFIX", "APPEND", bytes(key), bytes(child)]:
                if child in self.children[key]:
                    return Refusal("EXISTS")
                self.children[key].add(child)
                return OK
            case ["PREFIX", "REMOVE", bytes(key), bytes(child)]:
                was_there = child in self.children[key]
                self.children[key].discard(child)
                return int(was_there)
            case ["PREFIX", "CONTAINS", bytes(key), bytes(child)]:
                return int(child in self.children[key])
            case ["PREFIX", "LIST", bytes(key), "AFTER", bytes(after), "COUNT", int(count)]:
                return [child for child in sorted(self.children[key]) if child > after][:count]
            case ["PREFIX", "LIST", bytes(key)]:
                return sorted(self.children[key])
            case ["KEYS", "LIST", "PREFIX", bytes(prefix), "AFTER", bytes(after), "COUNT", int(count)]:
                found = [key for key in self.keys() if key.startswith(prefix) and key > after]
                return [[key, *self.kinds(key)] for key in found[:count]]
            case ["KEYS", "LIST"]:
                return [[key, *self.kinds(key)] for key in self.keys()]
            case ["KEYS", "RANGE", int(low), int(high)]:
                found = [key for key in self.keys() if within(self.hashes[key], low, high)]
                return sorted(found, key=lambda key: (self.hashes[key], key))
            case ["KEYS", "REMOVE", *keys]:
                return sum(self.remove(key) for key in keys if isinstance(key, bytes))
            case ["EXPORT", *keys]:
                return [self.entry(key) for key in keys if isinstance(key, bytes)]
            case ["IMPORT", *entries]:
                self.load(entries)
                return OK
            case ["RELEASE", bytes(lease), int(token)]:
                if lease not in self.leases or self.leases[lease][1] != token:
                    return Refusal("EXPIRED")
                del self.leases[lease]
                return OK
            case ["REVOKE", bytes(lease)]:
                return int(self.leases.pop(lease, None) is not None)
        raise AssertionError(f"the model does not know {words!r}")

    def remove(self, key: bytes) -> int:
        was_there = bool(self.kinds(key))
        self.values.pop(key, None)
        self.children.pop(key, None)
        self.leases.pop(key, None)
        return int(was_there)

    def load(self, words: list[Argument]) -> None:
        """Entries without leases."""
        key = b""
        for word, argument in zip(words[::2], words[1::2], strict=True):
            assert isinstance(argument, bytes)
            match word:
                case "KEY":
                    key = argument
                case "SIMPLE":
                    self.values[key] = argument
                case "CHILD":
                    self.children[key].add(argument)

    # Plans

    def choose(self, source: random.Random, keys: list[bytes], children: list[bytes]) -> list[Argument]:
        """A command whose answer is interesting in the present state: existing things are named more often than absent
        ones.
        """
        key, child = source.choice(keys), source.choice(children)
        if self.children.get(key) and source.random() < 0.4:
            child = source.choice(sorted(self.children[key]))
        value = source.randbytes(source.choice([0, 1, 8, 300]))
        guarded: list[list[Argument]] = [
            [source.choice(["PUT", "SET"]), key, value],
            [source.choice(["DELETE", "DEL"]), key],
            ["PREFIX", "APPEND", key, child],
            ["PREFIX", "REMOVE", key, child],
        ]
        if source.random() < 0.6:
            words = source.choice([guarded[0], guarded[0], guarded[1], guarded[2], guarded[2], guarded[3]])
            return [*words, *self.guard(source, keys)] if source.random() < 0.4 else words
        entries: list[Argument] = []
        for each in source.sample(keys, source.randint(1, 3)):
            entries += ["KEY", each]
            if source.random() < 0.5:
                entries += ["SIMPLE", source.randbytes(source.choice([0, 5]))]
            for _ in range(source.randint(0, 2)):
                entries += ["CHILD", source.choice(children)]
        lease = source.choice(sorted(self.leases) or keys)
        token = source.choice([1, *self.leases.get(lease, ())])
        plans: list[list[Argument]] = [
            ["GET", key],
            ["PREFIX", "CONTAINS", key, child],
            ["PREFIX", "LIST", key],
            ["PREFIX", "LIST", key, "AFTER", child, "COUNT", source.randint(1, 4)],
            ["KEYS", "LIST"],
            ["KEYS", "LIST", "PREFIX", key[: source.randint(0, 2)], "AFTER", child, "COUNT", source.randint(1, 9)],
            ["KEYS", "RANGE", *(self.point(source) for _ in range(2))],
            ["KEYS", "REMOVE", *source.sample(keys, source.randint(1, 3))],
            ["EXPORT", *source.sample(keys, source.randint(1, 5))],
            ["IMPORT", *entries],
            ["RELEASE", lease, token],
            ["REVOKE", lease],
        ]
        return source.choice(plans)

    def guard(self, source: random.Random, keys: list[bytes]) -> list[Argument]:
        lease = source.choice(sorted(self.leases) or keys) if source.random() < 0.8 else source.choice(keys)
        tokens = self.leases.get(lease, (1, 2))
        return ["IF", lease, source.choice([*tokens, *tokens, tokens[0] - 1 or 1, tokens[1] + 1])]

    def point(self, source: random.Random) -> int:
        """A point of the ring: a key's, one beside it, an end, or any."""
        near = source.choice([*self.hashes.values(), 0]) + source.choice([0, 0, 1, -1])
        return source.choice([near % (1 << 64), 0, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, source.getrandbits(64)])
