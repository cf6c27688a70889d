#!/bin/bash
# unstage.sh DESTDIR PREFIX: removes what stage.sh has laid out, as far as it is there; /etc is left alone.
set -euo pipefail
shopt -s nullglob
cd "$1$2/"
rm -rf share/doc/leased
rm -f sbin/leased bin/leasectl lib/sysusers.d/leased.conf lib/systemd/*/leased* \
    lib/systemd/system/lease@* lib/systemd/system/leader@* share/man/man[1578]/lease* \
    share/bash-completion/completions/lease* share/zsh/site-functions/_lease* share/fish/vendor_completions.d/lease*
