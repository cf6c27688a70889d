"""Hostile and dying clients: refused politely or cut off, in bounded memory, without effect on others."""

import contextlib
import os
import random
import resource
import socket
import threading
from collections.abc import Iterator

import pytest

from harness.clock import eventually, now
from harness.daemon import Daemon
from harness.resp import OK, ClosedError, Connection, ReplyError, Simple, encode
from harness.users import STRANGER, ConnectionAs, admit_everyone

MEBIBYTE = 1 << 20
FRAME_LIMIT = 8 * MEBIBYTE
INLINE_LIMIT = 64 * 1024


def assert_protocol_error(shared: Daemon, sent: bytes) -> None:
    """Exactly one `-ERR Protocol error: …`, then the end; and the daemon still works."""
    with shared.connect() as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.send_raw(sent)
        reply = client.receive()
        assert isinstance(reply, ReplyError), reply
        assert reply.word == "ERR"
        assert reply.message.startswith("Protocol error: "), reply
        assert client.at_end(), "one error, then the connection is closed"
    with shared.connect() as client:
        assert client.call("PING") == Simple("PONG")


@pytest.mark.parametrize(
    "sent",
    [
        b"*abc\r\n", b"*-2\r\n", b"*\r\n", b"*1.5\r\n", b"*+\r\n", b"*99999999999999999999\r\n", b"*2147483648\r\n",
        b"*1\r\n$abc\r\n", b"*1\r\n$-2\r\n", b"*1\r\n$\r\n", b"*1\r\n$99999999999999999999\r\n",
        b"*1\r\n$2147483648\r\n", b"*1\r\n$4\r\nPINGxx",
        b"*1\r\n$4\r\nPINGPONG\r\n", b"*1\r\n:1\r\n", b"*1\r\n+PING\r\n", b"*1\r\nPING\r\n",
        b"*1\r\n*1\r\n$4\r\nPING\r\n", b'ECHO "open\r\n', b"ECHO 'open\r\n", b'ECHO "a"b\r\n',
    ],
)  # fmt: skip
def test_what_is_not_resp_gets_one_error_and_the_end(shared: Daemon, sent: bytes) -> None:
    assert_protocol_error(shared, sent)


def test_what_came_before_the_bad_frame_is_answered(shared: Daemon, name: str) -> None:
    with shared.connect() as client:
        client.send_raw(encode("ACQUIRE", name, "30s") + encode("PING") + b"*x\r\n" + encode("REVOKE", name))
        token = client.receive()
        assert type(token) is int
        assert client.receive() == Simple("PONG")
        assert "Protocol error" in str(client.receive())
        assert client.at_end()
    with shared.connect() as client:
        assert client.call("CHECK", name, token) > 0, "what came behind the bad frame was not obeyed"


@pytest.mark.parametrize(
    "line", [b"POST / HTTP/1.1\r\n", b"Host: localhost\r\n", b"post / HTTP/1.1\r\n", b"host: x\r\n"]
)
def test_http_closes_the_connection(shared: Daemon, name: str, line: bytes) -> None:
    with shared.connect() as client:
        client.send_raw(line + f"ACQUIRE {name} 30s\r\n".encode())
        with contextlib.suppress(ClosedError):
            reply = client.receive()
            assert isinstance(reply, ReplyError), reply
            assert client.at_end()
    with shared.connect() as client:
        assert client.call("HOLDER", name) is None, "the line behind it was not obeyed"


# Limits


def test_65536_arguments_are_a_frame(shared: Daemon) -> None:
    with shared.connect() as client:
        assert client.error("PING", *["x"] * 65_535) == "ERR"
        assert client.call("PING") == Simple("PONG")


def test_65537_arguments_are_not(shared: Daemon) -> None:
    assert_protocol_error(shared, encode("PING", *["x"] * 65_536))


def test_a_frame_over_8_mib_is_refused(shared: Daemon) -> None:
    assert_protocol_error(shared, encode("ECHO", b"x" * (FRAME_LIMIT + 1)))


def test_a_frame_over_8_mib_of_small_arguments_is_refused(shared: Daemon) -> None:
    assert_protocol_error(shared, encode("PING", *[b"x" * 1000] * 9000))


def test_a_line_over_64_kib_is_refused(shared: Daemon) -> None:
    assert_protocol_error(shared, b"ECHO " + b"x" * (INLINE_LIMIT + 1) + b"\r\n")
    assert_protocol_error(shared, b"x" * (INLINE_LIMIT + 1024))


def test_a_line_under_64_kib_is_a_command(shared: Daemon) -> None:
    with shared.connect() as client:
        client.send_raw(b"ECHO " + b"x" * (INLINE_LIMIT - 100) + b"\r\n")
        assert client.receive() == b"x" * (INLINE_LIMIT - 100)


def test_a_length_line_without_end_is_refused(shared: Daemon) -> None:
    assert_protocol_error(shared, b"*" + b"1" * (INLINE_LIMIT + 1024))
    assert_protocol_error(shared, b"*1\r\n$" + b"1" * (INLINE_LIMIT + 1024))


def test_a_promised_array_costs_nothing(daemon: Daemon) -> None:
    before = daemon.memory()
    clients = [daemon.connect() for _ in range(50)]
    for client in clients:
        client.send_raw(b"*65536\r\n$8000000\r\n")
    with daemon.connect() as probe:
        assert probe.call("PING") == Simple("PONG")
    assert daemon.memory() - before < 50 * MEBIBYTE, "memory is taken for what came, not for what is promised"
    for client in clients:
        client.close()


# Slow and dead clients


def test_commands_may_come_byte_by_byte(client: Connection, name: str) -> None:
    for byte in encode("ACQUIRE", name, "30s") + f"HOLDER {name}\r\n".encode() + encode("PING"):
        client.send_raw(bytes([byte]))
    assert type(client.receive()) is int
    assert client.receive() is not None
    assert client.receive() == Simple("PONG")


def test_a_half_frame_holds_nobody_up(shared: Daemon, other: Connection) -> None:
    with shared.connect() as slow:
        slow.send_raw(encode("ECHO", "x" * 1000)[:-500])
        assert other.call("PING") == Simple("PONG")
        slow.send_raw(encode("ECHO", "x" * 1000)[-500:])
        assert slow.receive() == b"x" * 1000


def test_what_was_received_before_a_half_close_is_answered(shared: Daemon, name: str) -> None:
    with shared.connect() as client:
        client.send_raw(b"".join(encode("ACQUIRE", f"{name}-{i}", "30s") for i in range(500)) + b"*2\r\n$4\r\nECH")
        client.finish_sending()
        assert all(type(client.receive()) is int for _ in range(500))
        assert client.at_end(), "an unfinished frame is dropped, and the connection closed"


def test_an_idle_half_closed_connection_is_closed(shared: Daemon) -> None:
    with shared.connect() as client:
        client.finish_sending()
        assert client.at_end()


def test_a_client_that_never_reads_costs_bounded_memory(daemon: Daemon) -> None:
    before = daemon.memory()
    asked = 0
    with daemon.connect(timeout=0.5) as deaf, daemon.connect() as other:
        frame = encode("ECHO", b"x" * (64 * 1024)) * 16
        with contextlib.suppress(OSError):  # a full buffer (time-out) and a cut connection are both right
            while asked < 512 * MEBIBYTE:
                deaf.send_raw(frame)
                asked += len(frame)
        started = now()
        for _ in range(100):
            assert other.call("PING") == Simple("PONG")
        assert now() - started < 5, "nobody else waits for the one who does not read"
        assert daemon.memory() - before < 64 * MEBIBYTE, f"after {asked >> 20} MiB of requests"


def test_a_client_that_never_reads_small_commands_costs_bounded_memory(daemon: Daemon) -> None:
    before = daemon.memory()
    asked = 0
    with daemon.connect(timeout=0.5) as deaf, daemon.connect() as other:
        frame = encode("COMMAND") * 1000
        with contextlib.suppress(OSError):
            while asked < 8 * MEBIBYTE:  # some hundred times that in replies
                deaf.send_raw(frame)
                asked += len(frame)
        assert other.call("PING") == Simple("PONG")
        assert daemon.memory() - before < 64 * MEBIBYTE


def test_connect_and_close_storms_leak_nothing(daemon: Daemon) -> None:
    with daemon.connect() as probe:
        probe.call("PING")
        before = daemon.descriptors()

        def storm() -> None:
            for i in range(500):
                # A storm may fill the listener's backlog, so a refused connect is expected.
                with contextlib.suppress(BlockingIOError), daemon.connect() as client:
                    if i % 3 == 1:
                        client.send("PING")
                    if i % 3 == 2:
                        client.send_raw(b"*3\r\n$7\r\nACQ")

        threads = [threading.Thread(target=storm) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert probe.call("PING") == Simple("PONG")
        eventually(lambda: daemon.descriptors() <= before + 1, 10, "the return of all descriptors")


def test_a_client_that_dies_with_a_reply_under_way_harms_nobody(daemon: Daemon, name: str) -> None:
    for i in range(200):
        with daemon.connect() as client:
            client.send("ACQUIRE", f"{name}-{i}", "30s")
    with daemon.connect() as client:
        assert client.call("PING") == Simple("PONG")
        eventually(lambda: len(client.leases("PREFIX", name)) == 200, 10, "all 200 grants")


# Limits on connections


@contextlib.contextmanager
def many_descriptors(count: int) -> Iterator[None]:
    """Allows this process to open `count` descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(count, soft), hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.root
def test_a_users_connections_are_limited_and_administrators_still_get_in(daemon: Daemon, name: str) -> None:
    admit_everyone(daemon.socket)
    most = 20_000
    refusal: ReplyError | None = None
    with contextlib.ExitStack() as opened:
        opened.enter_context(many_descriptors(most + 200))
        first = opened.enter_context(ConnectionAs(str(daemon.socket)))
        assert first.call("PING") == Simple("PONG")
        # The peer credentials are those of the thread that connects, so its effective user suffices.
        os.setresuid(-1, STRANGER, -1)
        try:
            for number in range(most):
                client = opened.enter_context(daemon.connect())
                with contextlib.suppress(BrokenPipeError):  # refused already: the reason is still to be read
                    client.send("PING")
                try:
                    reply = client.receive()
                except ClosedError:
                    pytest.fail(f"connection {number} was closed without a word")
                if isinstance(reply, ReplyError):
                    refusal = reply
                    assert client.at_end(), "refused, then closed"
                    break
        finally:
            os.setresuid(-1, 0, -1)
        assert refusal is not None, f"one user opened {most} connections"
        assert refusal.word == "BUSY"
        assert first.call("PING") == Simple("PONG"), "connections from before live on"
        with daemon.connect() as administrator:
            token = administrator.call("ACQUIRE", name, "30s")
            assert administrator.call("RELEASE", name, token) == OK

    def let_in_again() -> bool:
        with ConnectionAs(str(daemon.socket)) as again:
            again.send("PING")
            return bool(again.receive() == Simple("PONG"))

    eventually(let_in_again, 10, "a place for that user again")


def test_binary_noise_never_harms(shared: Daemon) -> None:
    seed = int(os.environ.get("LEASED_SEED", random.SystemRandom().randrange(2**32)))
    print(f"LEASED_SEED={seed}")
    source = random.Random(seed)
    alphabet = [
        b"*",
        b"$",
        b"\r\n",
        b"1",
        b"2",
        b"-",
        b":",
        b'"',
        b"ACQUIRE",
        b"PING",
        b"\x00",
        b"\xff",
        b" ",
        b"+",
        b"\n",
    ]
    for _ in range(300):
        with shared.connect() as client, contextlib.suppress(OSError):
            client.send_raw(b"".join(source.choices(alphabet, k=source.randrange(1, 60))))
            client.socket.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ClosedError):
                while True:
                    client.receive()
    with shared.connect() as client:
        assert client.call("PING") == Simple("PONG")
