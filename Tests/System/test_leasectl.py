"""`leasectl`'s commands for scripts, on the shared daemon."""

import json
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

from conftest import MakeDaemon
from harness import binaries
from harness.ctl import Ctl
from harness.daemon import Daemon
from harness.users import STRANGER, admit_everyone
from test_commands import HOLDER_FIELDS

EX_USAGE, EX_UNAVAILABLE, EX_TEMPFAIL, EX_NOPERM = 64, 69, 75, 77


@pytest.fixture
def ctl(shared: Daemon) -> Ctl:
    return Ctl(shared)


def test_the_verbs_print_the_token_and_nothing_else(ctl: Ctl, name: str) -> None:
    first = ctl.answer("acquire", name, "30s")
    assert re.fullmatch(r"\d+", first)
    second = ctl.answer("renew", name, first, "30s")
    assert re.fullmatch(r"\d+", second)
    assert int(second) > int(first)
    ctl.answer("check", name, first)
    ctl.answer("check", name, second)
    assert ctl.answer("release", name, second) == ""
    assert ctl("check", name, second).returncode != 0
    assert ctl("renew", name, second, "30s").returncode != 0
    with ctl.daemon.connect() as client:
        assert client.call("HOLDER", name) is None


def test_acquire_of_a_held_lease_is_75_and_names_the_owner(ctl: Ctl, name: str) -> None:
    ctl.answer("acquire", "--owner", "the night job", name, "30s")
    refused = ctl("acquire", name, "30s")
    assert refused.returncode == EX_TEMPFAIL
    assert refused.stdout == ""
    assert "the night job" in refused.stderr


def test_token_is_fresh(ctl: Ctl) -> None:
    assert int(ctl.answer("token")) < int(ctl.answer("token"))


def test_errors_go_to_stderr_with_a_status(ctl: Ctl, name: str) -> None:
    for arguments in (["renew", name, "1", "30s"], ["release", name, "1"], ["check", name, "1"]):
        refused = ctl(*arguments)
        assert refused.returncode not in {0, EX_USAGE}, arguments
        assert refused.stdout == ""
        assert refused.stderr.strip()


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"], ["nonsense", "--help"], ["help", "nonsense"], ["help", "keys", "nonsense"], ["acquire"], ["acquire", "x", "30"], ["acquire", "x", "ten"],
        ["acquire", "x", "999ms"], ["renew", "x"], ["renew", "x", "0", "30s"],
        ["renew", "x", "abc", "30s"], ["release", "x"], ["check", "x"], ["check", "x", "0"], ["run"], ["run", "x"],
        ["run", "--nonsense", "x", "true"], ["run", "--ttl", "21s", "--grace", "10s", "x", "true"], ["status"],
    ],
)  # fmt: skip
def test_wrong_usage_is_64(ctl: Ctl, arguments: list[str]) -> None:
    refused = subprocess.run([binaries.path("leasectl"), *arguments], capture_output=True, text=True, timeout=20)
    assert refused.returncode == EX_USAGE, refused.stderr
    assert refused.stdout == ""
    assert refused.stderr.strip()


@pytest.mark.parametrize(
    "arguments",
    [
        ["acquire", "backup", "-1h"], ["put", "k", "-hello"], ["get", "-ah"], ["keys", "remove", "abc", "-oh"],
        ["release", "x", "-5h"], ["watch", "-h*"], ["list", "--help=x"], ["-xh"],
    ],
)  # fmt: skip
def test_only_a_word_of_its_own_asks_for_help(arguments: list[str]) -> None:
    refused = subprocess.run([binaries.path("leasectl"), *arguments], capture_output=True, text=True, timeout=20)
    assert (refused.returncode, refused.stdout) == (EX_USAGE, "")
    assert refused.stderr.startswith("Error: ")


def test_letters_before_the_name_do_not_hide_the_job(ctl: Ctl, tmp_path: Path, name: str) -> None:
    refused = ctl("run", "-th", name, "touch", str(tmp_path / "made"))
    assert (refused.returncode, refused.stdout) == (EX_USAGE, "")
    assert "-th" in refused.stderr
    assert not (tmp_path / "made").exists()
    assert ctl.answer("run", "--try", name, "printf", "%s\n", "-th", "-h", "--help") == "-th\n-h\n--help"
    assert "USAGE: leasectl run" in ctl.answer("run", "-h")


def test_the_word_behind_an_option_is_its_value(ctl: Ctl, name: str) -> None:
    assert ctl("run", "--try", "--owner", "-x", name, "sh", "-c", '[ "$LEASE_OWNER" = -x ]').returncode == 0
    ctl.answer("acquire", "--owner", "-h", name, "1h")
    assert ctl("status", name, "--is", "-h").returncode == 0
    assert ctl("status", name, "--is", "-ah").returncode == 1
    ctl.answer("revoke", "--reason", "-eh", name)
    assert ctl("run", "--try", "--report", "--skip-ok", name, "true").returncode == EX_USAGE


def test_the_daemon_may_be_named_anywhere(ctl: Ctl, name: str) -> None:
    program, socket_option = binaries.path("leasectl"), ["--socket", str(ctl.daemon.socket)]
    for words in (
        ["prefix", *socket_option, "append", name, "a"], ["prefix", *socket_option, "list", name],
        ["keys", *socket_option, "list", name], [*socket_option, "keys", "list", name],
    ):  # fmt: skip
        done = subprocess.run([program, *words], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, (words, done.stderr)


@pytest.mark.root
def test_a_socket_that_may_not_be_opened_is_77(daemon: Daemon, tmp_path: Path, name: str) -> None:
    admit_everyone(daemon.socket)
    daemon.socket.chmod(0o600)
    ctl = Ctl(daemon, wrapper=["setpriv", "--reuid", str(STRANGER), "--regid", str(STRANGER), "--clear-groups"])
    for words in (
        ["ping"], ["acquire", name, "30s"], ["list"], ["token"], ["watch"], ["hold", name], ["elect", name, "true"],
        ["export"],
    ):  # fmt: skip
        refused = ctl(*words)
        assert (refused.returncode, refused.stdout) == (EX_NOPERM, ""), (words, refused.stderr)
        assert f"{daemon.socket}: Permission denied; the socket's group may" in refused.stderr
    for what in ("fail", "run", "skip"):
        refused = ctl("run", "--if-unreachable", what, name, "echo", "ran")
        assert (refused.returncode, refused.stdout) == (EX_NOPERM, ""), refused.stderr


def test_a_variable_that_is_not_utf_8_names_no_other_socket(tmp_path: Path) -> None:
    for variable, words in ((b"LEASED_SOCKET", ["ping"]), (b"XDG_RUNTIME_DIR", ["ping", "--user"])):
        command = [binaries.path("leasectl"), *words]
        environment = {variable: os.fsencode(tmp_path) + b"/\xff"}
        refused = subprocess.run(command, env=environment, capture_output=True, timeout=20)
        assert refused.returncode == EX_USAGE
        assert variable in refused.stderr
        by_option = subprocess.run([*command[:2], "--socket", "x"], env=environment, capture_output=True, timeout=20)
        assert by_option.returncode == EX_UNAVAILABLE


def test_list_and_status_for_people(ctl: Ctl, name: str) -> None:
    ctl.answer("acquire", "--owner", "the owner", name, "30s")
    for shown in (ctl.answer("list", name), ctl.answer("status", name)):
        assert name in shown
        assert "the owner" in shown
        assert "\x1b" not in shown, "no colour where there is no terminal"


def test_json_has_the_keys_of_the_protocol(ctl: Ctl, name: str) -> None:
    token = int(ctl.answer("acquire", "--owner", "o", name + "/a", "30s"))
    ctl.answer("acquire", name + "/b", "30s")
    listed = ctl.json("list", name + "/")
    assert [entry["name"] for entry in listed] == [name + "/a", name + "/b"]
    assert set(listed[0]) >= HOLDER_FIELDS
    assert (listed[0]["token"], listed[0]["fence"], listed[0]["owner"], listed[0]["ttl_ms"]) == (
        token,
        token,
        "o",
        30_000,
    )
    assert listed[0]["state"] == "held"
    assert (listed[0]["bound"], listed[0]["tied"]) in {(0, 0), (False, False)}
    (status,) = ctl.json("status", name + "/a")
    assert (status["name"], status["token"]) == (name + "/a", token)


def test_each_verb_has_json(ctl: Ctl, name: str) -> None:
    (acquired,) = ctl.json("acquire", name, "30s")
    assert acquired["token"] > 0
    (renewed,) = ctl.json("renew", name, str(acquired["token"]), "30s")
    assert renewed["token"] > acquired["token"]
    (checked,) = ctl.json("check", name, str(renewed["token"]))
    assert 0 < checked["remaining_ms"] <= 30_000
    for arguments in (["release", name, str(renewed["token"])], ["token"], ["ping"], ["info"], ["revoke", name]):
        assert len(ctl.json(*arguments)) == 1, arguments


def test_revoke_ends_a_tenure(ctl: Ctl, name: str) -> None:
    token = ctl.answer("acquire", name, "1h")
    ctl.answer("revoke", "--after", "1h", "--reason", "maintenance", name)
    with ctl.daemon.connect() as client:
        held = client.holder(name)
        assert held is not None
        assert held["state"] == b"revoking"
    ctl.answer("revoke", name)
    assert ctl("check", name, token).returncode != 0


def test_ping_and_info(ctl: Ctl) -> None:
    ctl.answer("ping")
    assert ctl.answer("info")
    (figures,) = ctl.json("info")
    assert isinstance(figures["Leases"]["leases_held"], int), "numbers are numbers"
    assert isinstance(figures["Server"]["leased_version"], str)


def test_lists_of_any_length_come_whole_where_the_limits_are_low(make_daemon: MakeDaemon, name: str) -> None:
    low = make_daemon(environment={"LEASED_LIMITS_LIST_ELEMENTS": "100"}).start()
    ctl = Ctl(low)
    names = [f"{name}/{number:03}" for number in range(250)]
    with low.connect() as client:
        for each in names:
            client.call("ACQUIRE", each, "1h")
            client.call("PREFIX", "APPEND", "parent", each)
    assert [entry["name"] for entry in ctl.json("list")] == names
    _, *rows = ctl.answer("keys", "list", name).splitlines()
    assert [row.split()[0] for row in rows] == names
    assert ctl.answer("prefix", "list", "parent").split() == names
    assert ctl("keys", "range", "0", "0").stdout.count("\n") == 251
    exported = [json.loads(line) for line in ctl("export").stdout.splitlines()]
    assert len({entry["key"] for entry in exported if "key" in entry}) == 251


def test_a_token_that_nobody_gets_is_given_back(ctl: Ctl, name: str) -> None:
    with open("/dev/full", "w") as full:
        assert ctl.spawn("acquire", name, "1h", stdout=full).wait(20) == 74
    with ctl.daemon.connect() as client:
        assert client.call("HOLDER", name) is None


def test_a_renewal_whose_token_nobody_gets_names_it(ctl: Ctl, name: str) -> None:
    token = ctl.answer("acquire", name, "1h")
    with open("/dev/full", "w") as full:
        process = ctl.spawn("renew", name, token, "1h", stdout=full)
        _, complaint = process.communicate(timeout=20)
    assert process.returncode == 74
    (newest,) = re.findall(r"its token is (\d+)", complaint)
    assert ctl.answer("release", name, newest) == ""


@pytest.mark.parametrize("words", [[], ["keys"], ["prefix"]], ids=["leasectl", "keys", "prefix"])
def test_no_command_is_no_success(words: list[str]) -> None:
    """For example an empty variable in a script."""
    done = subprocess.run([binaries.path("leasectl"), *words], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (EX_USAGE, "")
    assert "no command was given" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="takes /proc away: root alone can")
@pytest.mark.parametrize("words", [["run", "--try", "x", "true"], ["check", "x", "1"], ["get", "x"]])
def test_without_proc_nothing_looks_done(words: list[str]) -> None:
    script = 'mount -t tmpfs none /proc && exec "$@"'
    command = ["unshare", "-m", "sh", "-c", script, "sh", binaries.path("leasectl"), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (70, "")
    assert "/proc" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a PID namespace: root alone can")
def test_a_job_is_not_run_where_its_processes_cannot_be_told(ctl: Ctl, tmp_path: Path, name: str) -> None:
    """In a PID namespace with another one's /proc, its numbers belong to other processes."""
    ran = tmp_path / "ran"
    ctl.wrapper = ["unshare", "--pid", "--fork"]
    refused = ctl("run", "--try", "--if-unreachable", "run", name, "touch", str(ran))
    assert refused.returncode == 70
    assert "/proc" in refused.stderr
    assert not ran.exists()
    ctl.wrapper += ["--mount-proc"]
    assert ctl("run", "--try", name, "touch", str(ran)).returncode == 0
    assert ran.exists()


def test_no_daemon_is_69(tmp_path: Path) -> None:
    for arguments in (["ping"], ["acquire", "x", "30s"], ["list"], ["run", "--try", "x", "true"]):
        verb, *rest = arguments
        command = [binaries.path("leasectl"), verb, "--socket", str(tmp_path / "nothing"), *rest]
        refused = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert refused.returncode == EX_UNAVAILABLE, (arguments, refused.stderr)
        assert str(tmp_path / "nothing") in refused.stderr


def test_the_socket_comes_from_the_environment_or_the_user(ctl: Ctl, tmp_path: Path, name: str) -> None:
    program = binaries.path("leasectl")
    by_variable = subprocess.run(
        [program, "token"], env={"LEASED_SOCKET": str(ctl.daemon.socket)}, capture_output=True, text=True, timeout=20
    )
    assert by_variable.returncode == 0, by_variable.stderr
    (tmp_path / "leased").mkdir()
    (tmp_path / "leased" / "leased.sock").symlink_to(ctl.daemon.socket)
    by_user = subprocess.run(
        [program, "token", "--user"], env={"XDG_RUNTIME_DIR": str(tmp_path)}, capture_output=True, text=True, timeout=20
    )
    assert by_user.returncode == 0, by_user.stderr


def test_a_socket_that_is_not_leased_is_no_hang(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        process = subprocess.Popen(
            [binaries.path("leasectl"), "ping", "--socket", str(tmp_path / "s")], stderr=subprocess.PIPE, text=True
        )
        listener.settimeout(20)
        peer, _ = listener.accept()
        peer.recv(1)
        peer.sendall(b"220 mail.example.org ESMTP\r\n")
        peer.close()
        listener.close()
        _, told = process.communicate(timeout=30)
        assert process.returncode != 0
        assert told.strip()


def test_options_stop_at_the_name(ctl: Ctl, name: str) -> None:
    assert ctl.answer("run", "--try", name, "printf", "%s\n", "--ttl") == "--ttl"
    assert ctl.answer("run", "--try", name, "--", "printf", "%s\n", "--owner") == "--owner"
    assert ctl.answer("run", "--try", "--", name, "printf", "%s\n", "--help") == "--help"


def test_help_teaches(ctl: Ctl) -> None:
    shown = subprocess.run([binaries.path("leasectl"), "--help"], capture_output=True, text=True, timeout=20)
    assert shown.returncode == 0
    for verb in (
        "run", "elect", "hold", "watch", "acquire", "renew", "release", "check", "token", "list", "status", "revoke",
        "ping", "info",
    ):  # fmt: skip
        assert re.search(rf"\b{verb}\b", shown.stdout)
        detail = subprocess.run([binaries.path("leasectl"), verb, "--help"], capture_output=True, text=True, timeout=20)
        assert detail.returncode == 0
        assert "--socket" in detail.stdout
