#!/bin/sh
# steps.sh LEASE STEP…: runs each STEP, a line for sh, while it holds the lease; needs only sh and socat.
#
# The lease is renewed between the steps, so each step must take less than the TTL ($TTL, 5m). A step finds the fence in
# $LEASE_TOKEN. At the end, if the script still holds the lease, it writes the time to the daemon's store.
#
# Exit status: that of a step that failed, or else 0; 69 the daemon cannot be reached, 70 it refused, 75 another holds
# the lease, 76 the lease was lost, and the remaining steps were not run.
set -u
if [ $# -lt 2 ]; then
    echo 'usage: steps.sh LEASE STEP…' >&2
    exit 64
fi
lease=$1
shift
ttl=${TTL:-5m}
token=
cr=$(printf '\r')

fail() {
    echo "steps.sh: $2" >&2
    exit "$1"
}

# A word of a command: quoted, each byte as its number, so that blanks, quotes and line ends need no special care.
quoted() { printf '"%s"' "$(printf %s "$1" | od -An -v -tx1 | tr -d '\n' | sed 's/ /\\x/g')"; }

# Sends a command and reads its reply into $reply; all replies to the commands here are one line. Fails if the
# connection is lost. It writes in a subshell, since writing to a pipe that nobody reads ends the shell.
ask() {
    line=
    for word in "$@"; do line="$line $(quoted "$word")"; done
    (printf '%s\r\n' "${line# }" >&3) 2> /dev/null && IFS= read -r reply <&4 || return
    reply=${reply%"$cr"}
}

# The same, but fails the script unless the command succeeds.
must() {
    ask "$@" || fail 69 "the daemon cannot be reached; whether '$1' was done is unknown"
    case $reply in
        -CONFLICT*) fail 75 "$reply" ;;
        -EXPIRED* | -REVOKED*) fail 76 "$reply" ;;
        -*) fail 70 "$reply" ;;
    esac
}

# However the script ends, it releases the lease; EXPIRED would say that it has already ended. A script that is killed
# does not get here and need not: the lease is bound to the connection, which ends with it.
finish() {
    [ -z "$token" ] || ask RELEASE "$lease" "$token"
    exec 3>&- 4<&-
    rm -rf "$folder"
}

# The connection: descriptor 3 writes to the daemon, and descriptor 4 reads from it.
folder=$(mktemp -d) || exit 73
trap 'rm -rf "$folder"' EXIT
mkfifo "$folder/to" "$folder/from" || exit 73
socat -t 5 STDIO "UNIX-CONNECT:${LEASED_SOCKET:-/run/leased/leased.sock}" < "$folder/to" > "$folder/from" &
exec 3> "$folder/to" 4< "$folder/from"
trap finish EXIT
# Each trap takes effect when the running step has ended.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

must ACQUIRE "$lease" "$ttl" OWNER "steps.sh $$" BIND
token=${reply#:}
# Renewals change the token, but not the fence that the steps and the writes use.
fence=$token
for step in "$@"; do
    # A step must not inherit the connection: a process that it leaves running would hold the lease.
    LEASE_NAME=$lease LEASE_TOKEN=$fence sh -c "$step" 3>&- 4<&- || exit
    must RENEW "$lease" "$token" "$ttl"
    token=${reply#:}
done
must PUT "$lease/done" "$(date)" IF "$lease" "$fence"
