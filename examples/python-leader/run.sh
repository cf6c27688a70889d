#!/usr/bin/env bash
# Two processes of one service. What to see:
#   1. one leads, the other waits;
#   2. the daemon is killed and restarted, and the leader continues to lead, under the same fence;
#   3. the leader is told to stop: it hands over at once;
#   4. the next leader is killed with SIGKILL: its lease ends with it, and another leads under a greater fence.
. "$(dirname "$0")/../demo.sh"
python=${PYTHON:-python3}
"$python" -c 'import redis' || { echo 'redis-py is missing: apt install python3-redis, or pip install redis' >&2; exit 69; }

candidate() { background "$1" "$python" "$example/leader.py" shop 1m; }
fence() { leasectl status --json shop | sed -n 's/.*"fence": *\([0-9]*\).*/\1/p'; }

start_daemon
say 'The first one leads, the second one waits'
candidate first
expect first 'leading under'
candidate second
expect second 'waiting to lead'
before=$(fence)
run leasectl status shop

say 'The daemon is killed, and started again'
crash "$daemon"
expect first 'not written'
start_daemon
[ "$(fence)" = "$before" ] || fail 'another fence'
run leasectl status shop

say 'The first one is told to stop, and hands over'
kill -TERM "${pid[first]}"
expect first 'leading no more'
expect second 'leading under'
ended first
[ "$code" = 0 ] || fail 'the first one failed'
after=$(fence)
[ "$after" -gt "$before" ] || fail 'the fence is not greater'

say 'The second one is killed, and the third one leads at once'
candidate third
expect third 'waiting to lead'
crash "${pid[second]}"
expect third 'leading under'
[ "$(fence)" -gt "$after" ] || fail 'the fence is not greater'
