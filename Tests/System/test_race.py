"""Many clients, one lease, one winner, round after round."""

import threading

import pytest

from harness.daemon import Daemon
from harness.resp import OK, ReplyError, encode

CLIENTS = 50


@pytest.mark.parametrize("rounds", [40])
def test_of_fifty_who_race_one_wins(daemon: Daemon, name: str, rounds: int) -> None:
    start, finish = threading.Barrier(CLIENTS + 1), threading.Barrier(CLIENTS + 1)
    replies: list[object] = [None] * CLIENTS

    def racer(number: int) -> None:
        with daemon.connect() as client:
            for _ in range(rounds):
                start.wait(30)
                client.send("ACQUIRE", name, "30s")
                replies[number] = client.receive()
                finish.wait(30)

    threads = [threading.Thread(target=racer, args=(number,), daemon=True) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    last = 0
    with daemon.connect() as judge:
        for turn in range(rounds):
            start.wait(30)
            finish.wait(30)
            winners = [reply for reply in replies if type(reply) is int]
            losers = [reply.word for reply in replies if isinstance(reply, ReplyError)]
            assert len(winners) == 1, f"round {turn}: {winners}"
            assert losers == ["CONFLICT"] * (CLIENTS - 1)
            assert winners[0] > last
            last = winners[0]
            held = judge.holder(name)
            assert held is not None
            assert held["fence"] == last
            assert judge.call("RELEASE", name, last) == OK
    for thread in threads:
        thread.join(10)


def test_of_many_renewals_with_one_token_one_wins(daemon: Daemon, name: str) -> None:
    with daemon.connect() as holder:
        token = holder.call("ACQUIRE", name, "30s")
        clients = [daemon.connect() for _ in range(CLIENTS)]
        for turn in range(40):
            for client in clients:
                client.send("RENEW", name, token, "30s")
            replies = [client.receive() for client in clients]
            won = [reply for reply in replies if type(reply) is int]
            assert len(won) == 1, f"round {turn}: {won}"
            assert {reply.word for reply in replies if isinstance(reply, ReplyError)} == {"EXPIRED"}
            assert won[0] > token
            token = won[0]
        for client in clients:
            client.close()


def test_tokens_of_concurrent_pipelines_are_all_different(daemon: Daemon) -> None:
    clients = [daemon.connect() for _ in range(20)]
    for client in clients:
        client.send_raw(encode("TOKEN") * 500)
    streams = [[client.receive() for _ in range(500)] for client in clients]
    for stream in streams:
        assert stream == sorted(stream), "each connection sees its own tokens rise"
    assert len({token for stream in streams for token in stream}) == 20 * 500
    for client in clients:
        client.close()
