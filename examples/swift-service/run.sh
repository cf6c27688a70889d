#!/usr/bin/env bash
# Three processes of one service in Swift. What to see:
#   1. one leads, the others wait;
#   2. the daemon is killed and restarted, and the leader continues to lead, under the same fence;
#   3. the leader is told to stop: the next one leads;
#   4. that one is killed: its lease ends with it, and the last one leads, under a greater fence.
. "$(dirname "$0")/../demo.sh"
if ! command -v ExampleService > "$here/found"; then
    say 'Building the service'
    swift build --package-path "$example/../.." --product ExampleService
    PATH=$(swift build --package-path "$example/../.." --show-bin-path):$PATH
fi
fence() { leasectl status --json scheduler | sed -n 's/.*"fence": *\([0-9]*\).*/\1/p'; }

start_daemon
say 'The first one leads, the second one waits'
background first ExampleService
expect first 'leading'
background second ExampleService
expect second 'waiting to lead'
before=$(fence)
run leasectl status scheduler

say 'The daemon is killed, and started again'
crash "$daemon"
expect first 'not written'
start_daemon
[ "$(fence)" = "$before" ] || fail 'another fence'

say 'The first one is told to stop, and the second one leads'
kill -TERM "${pid[first]}"
ended first
[ "$code" = 0 ] || fail "its status is $code"
expect second 'leading'
after=$(fence)
[ "$after" -gt "$before" ] || fail 'the fence is not greater'

say 'The second one is killed, and the third one leads'
background third ExampleService
expect third 'waiting to lead'
crash "${pid[second]}"
expect third 'leading'
[ "$(fence)" -gt "$after" ] || fail 'the fence is not greater'
