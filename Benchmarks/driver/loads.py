"""The load on a peer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """A number of clients, each with a number of commands in flight."""

    clients: int
    pipeline: int = 1

    @classmethod
    def parse(cls, text: str) -> "Load":
        """`50` is fifty clients, `50x16` fifty with pipelines of sixteen."""
        clients, _, pipeline = text.partition("x")
        load = cls(int(clients), int(pipeline or 1))
        if load.clients < 1 or load.pipeline < 1:
            raise ValueError(f"'{text}' is no load: 50, or 50x16")
        return load

    def __str__(self) -> str:
        return f"{self.clients}x{self.pipeline}" if self.pipeline > 1 else str(self.clients)

    @property
    def title(self) -> str:
        clients = "1 client" if self.clients == 1 else f"{self.clients} clients"
        return f"{clients}, pipelines of {self.pipeline}" if self.pipeline > 1 else clients
