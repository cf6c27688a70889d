"""leased itself, with the shipped configuration."""

from collections.abc import Mapping
from pathlib import Path

from peers.base import Peer, Place, first_line_of
from processes import NotifySocket, Server


class Leased(Peer):
    name = "leased"
    title = "leased"
    kind = "leased"
    promise = "on disk before the answer"
    notes = "`ACQUIRE name 30s` and `RELEASE name token`, with the default configuration."

    def __init__(self, place: Place, store: str = "leased.db", limits: Mapping[str, str] | None = None) -> None:
        super().__init__(place)
        self.store = self.folder / store
        self._limits = dict(limits or {})
        self._notify: NotifySocket | None = None
        #: From the spawn of the last start to its READY=1.
        self.seconds_to_ready = 0.0

    @property
    def path(self) -> Path:
        return self.place.sockets / "leased"

    @property
    def server(self) -> Server:
        if self._server is None:
            raise RuntimeError("leased is not running")
        return self._server

    def missing(self) -> str | None:
        return None if self.place.leased.exists() else f"{self.place.leased} is not built"

    def version(self) -> str:
        return first_line_of(str(self.place.leased), "--version")

    def command(self) -> list[str]:
        # Instead of the machine's own configuration.
        configuration = self.folder / "leased.yaml"
        return [
            *(str(self.place.leased), "--config", str(configuration)),
            *("--socket", str(self.path), "--store", str(self.store)),
        ]

    def prepare(self) -> None:
        super().prepare()
        (self.folder / "leased.yaml").write_text("# Nothing: all defaults, as after the installation.\n")

    def start(self) -> None:
        self._notify = NotifySocket(self.place.sockets / "notify")
        self._server = Server(
            self.command(),
            log=self.folder / "log",
            folder=self.folder,
            environment={**self._notify.environment, **self._limits},
        )
        self.seconds_to_ready = self._notify.await_ready(self._server)

    def stop(self) -> None:
        super().stop()
        self._close_notify()

    def kill(self) -> None:
        """SIGKILL."""
        self.server.stop(9)
        self._server = None
        self._close_notify()

    def _close_notify(self) -> None:
        if self._notify is not None:
            self._notify.close()
            self._notify = None
