#!/usr/bin/env bash
# Two jobs want one lease; the daemon is killed in the middle. What to see:
#   1. one job runs, with its fencing token in its environment; the other exits with status 75;
#   2. the daemon is killed with SIGKILL and restarted, and the job does not notice;
#   3. the next token is greater than all previous ones.
set -euo pipefail

bin=${LEASED_BIN_DIR:-$(dirname "$(command -v leased)")}
here=$(mktemp -d)
export LEASED_SOCKET=$here/leased.sock
export PATH=$bin:$PATH
daemon=

bold= plain=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
# Prints a command as it would be typed, then runs it.
run() { printf '$ %s\n' "$*"; "$@"; }
start() {
    leased --store "$here/leased.db" --log-level warning &
    daemon=$!
    until leasectl ping > "$here/ping" 2>&1; do kill -0 "$daemon"; done
}
stop() {
    if [ -n "$daemon" ]; then
        kill -TERM "$daemon" 2> /dev/null || true
        wait "$daemon" 2> /dev/null || true
    fi
    rm -rf "$here"
}
trap stop EXIT

say 'A daemon, on a socket and a store of its own'
printf '$ leased --socket %s --store %s &\n' "$LEASED_SOCKET" "$here/leased.db"
start

say 'The first job takes the lease "backup" and runs until it is told to end'
mkfifo "$here/started" "$here/end"
cat > "$here/job" << 'JOB'
#!/bin/sh
echo "job: I hold '$LEASE_NAME' with fencing token $LEASE_TOKEN"
echo > "$1/started"
read -r _ < "$1/end"
echo "job: done, still under token $LEASE_TOKEN"
JOB
chmod +x "$here/job"
printf '$ leasectl run --try backup ./job &\n'
leasectl run --try backup "$here/job" "$here" &
job=$!
read -r _ < "$here/started"
run leasectl status backup

say 'The second job wants the same lease, and does not get it'
code=0
run leasectl run --try backup echo 'this is never printed' || code=$?
echo "exit status: $code"
[ "$code" = 75 ]

say 'The daemon is killed with SIGKILL, in the middle of the job, and started again'
before=$(leasectl token)
printf '$ kill -KILL %s\n' "$daemon"
kill -KILL "$daemon"
wait "$daemon" 2> /dev/null || true
kill -0 "$job" && echo 'the job runs on'
printf '$ leased … &\n'
start
run leasectl status backup

say 'Nobody else gets the lease, and the next token is greater than the last'
code=0
run leasectl run --try backup echo 'this is never printed' || code=$?
echo "exit status: $code"
[ "$code" = 75 ]
after=$(leasectl token)
echo "before the kill: $before"
echo "after it:        $after"
[ "$after" -gt "$before" ]

say 'The job ends, and the lease is free'
echo > "$here/end"
wait "$job"
echo "exit status of the job: $?"
run leasectl run --try backup sh -c 'echo "the next job holds token $LEASE_TOKEN"'
