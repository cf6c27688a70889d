"""TERM and INT: received commands are answered, the store is checkpointed, the socket removed, the exit status 0."""

import shutil
import signal
import socket
import threading
from pathlib import Path

import pytest

from conftest import MakeDaemon
from harness.clock import now
from harness.daemon import Daemon
from harness.resp import OK, Connection, Simple, encode

STOP = [signal.SIGTERM, signal.SIGINT]
#: The contract says "within a time limit"; a service manager would wait twice as long.
LIMIT = 45.0


@pytest.mark.parametrize("number", STOP)
def test_an_orderly_stop_is_0_and_removes_the_socket(daemon: Daemon, number: int) -> None:
    with daemon.connect() as idle:
        assert idle.call("PING") == Simple("PONG")
        daemon.signal(number)
        assert daemon.wait(LIMIT) == 0
        assert idle.at_end()
    assert not daemon.socket.exists()


@pytest.mark.parametrize("number", STOP)
def test_what_was_received_is_answered(daemon: Daemon, name: str, number: int) -> None:
    for turn in range(6):
        with daemon.connect() as client:
            assert client.call("PING") == Simple("PONG")
            # A stopped daemon finds the commands and the signal together when it continues.
            daemon.signal(signal.SIGSTOP)
            client.send_raw(b"".join(encode("ACQUIRE", f"{name}/{turn}/{i}", "1h") for i in range(100)))
            daemon.signal(number)
            daemon.signal(signal.SIGCONT)
            tokens = [client.receive() for _ in range(100)]
            assert all(type(token) is int for token in tokens)
            assert client.at_end()
        assert daemon.wait(LIMIT) == 0
        daemon.start()
        with daemon.connect() as client:
            assert all(client.call("CHECK", f"{name}/{turn}/{i}", token) > 0 for i, token in enumerate(tokens))


def test_a_tie_that_comes_with_the_stop_is_answered(daemon: Daemon, name: str) -> None:
    """It is stored by the service manager, and answered only then; the next daemon takes it over."""
    for turn in range(3):
        with daemon.connect() as holder, daemon.connect() as tie:
            token = holder.call("ACQUIRE", f"{name}/{turn}", "1h")
            daemon.pause()
            tie.send_raw(encode("PING") * 2000 + encode("TIE", f"{name}/{turn}", token))
            tie.socket.shutdown(socket.SHUT_WR)
            daemon.signal(signal.SIGTERM)
            daemon.signal(signal.SIGCONT)
            assert all(tie.receive() == Simple("PONG") for _ in range(2000))
            assert tie.receive() == OK
            assert tie.at_end()
        assert daemon.wait(LIMIT) == 0
        daemon.start()
        with daemon.connect() as client:
            held = client.holder(f"{name}/{turn}")
            assert held is not None and held["fence"] == token


def test_what_was_received_of_a_client_that_is_far_behind_is_answered_too(daemon: Daemon) -> None:
    """So much that its socket is not read for a while."""
    count = 60_000
    with daemon.connect() as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        daemon.pause()
        client.send_raw(b"PING\r\n" * count)
        daemon.signal(signal.SIGTERM)
        daemon.signal(signal.SIGCONT)
        assert all(client.receive() == Simple("PONG") for _ in range(count))
        assert client.at_end()
    assert daemon.wait(LIMIT) == 0


def test_every_answer_during_a_stop_holds(daemon: Daemon, name: str) -> None:
    answered: list[dict[str, int]] = [{} for _ in range(4)]
    first = threading.Barrier(5)

    def busy(number: int) -> None:
        with daemon.connect() as client:
            client.call("PING")
            first.wait(10)
            for i in range(100_000):
                lease = f"{name}/{number}/{i}"
                try:
                    answered[number][lease] = client.call("ACQUIRE", lease, "1h")
                except Exception:
                    return

    threads = [threading.Thread(target=busy, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    first.wait(10)
    daemon.signal(signal.SIGTERM)
    assert daemon.wait(LIMIT) == 0
    for thread in threads:
        thread.join(10)
    daemon.start()
    with daemon.connect() as client:
        for lease, token in (pair for some in answered for pair in some.items()):
            assert client.call("CHECK", lease, token) > 0


def test_the_store_is_checkpointed(make_daemon: MakeDaemon, daemon: Daemon, name: str, tmp_path: Path) -> None:
    with daemon.connect() as client:
        token = client.call("ACQUIRE", name, "1h")
    daemon.stop()
    alone = tmp_path / "alone.db"
    shutil.copy(daemon.store, alone)  # the file alone, without anything beside it
    copy = make_daemon(store=alone).start()
    with copy.connect() as client:
        assert client.call("CHECK", name, token) > 0


def test_clients_that_do_not_read_or_finish_do_not_hold_up_the_stop(make_daemon: MakeDaemon, name: str) -> None:
    # So long that the stop would never end by its own timeout.
    daemon = make_daemon(environment={"LEASED_STOP_TIMEOUT": "1h"}).start()
    deaf = daemon.connect(timeout=0.3)
    with pytest.raises(TimeoutError):
        deaf.send_raw(encode("ECHO", "x" * 50_000) * 4_000)
    # Nor does one that is sent more than its socket takes.
    watcher = daemon.connect()
    watcher.send_raw(encode("PSUBSCRIBE", "*"))
    with daemon.connect() as busy:
        for number in range(1500):
            busy.call("ACQUIRE", f"{name}/{number}", "1h", "OWNER", "o" * 250)
        assert b"\nunsent_message_bytes:0\r" not in busy.call("INFO")
    half = daemon.connect()
    half.send_raw(b"*2\r\n$4\r\nECHO\r\n$1000\r\nhalf of it")
    started = now()
    daemon.signal(signal.SIGTERM)
    assert daemon.wait(LIMIT) == 0
    print(f"stopped after {now() - started:.2f} s")
    deaf.close()
    watcher.close()
    half.close()


def test_a_second_signal_does_no_harm(daemon: Daemon, name: str) -> None:
    with daemon.connect() as client:
        token = client.call("ACQUIRE", name, "1h")
    for _ in range(3):
        daemon.signal(signal.SIGTERM)
    daemon.wait(LIMIT)
    daemon.start()
    with daemon.connect() as client:
        assert client.call("CHECK", name, token) > 0


def test_a_client_that_hangs_up_is_no_signal(daemon: Daemon) -> None:
    for _ in range(50):
        client: Connection = daemon.connect()
        client.send_raw(encode("ECHO", "x" * 100_000) * 5)
        client.close()  # the replies meet a closed socket
    with daemon.connect() as client:
        assert client.call("PING") == Simple("PONG")
