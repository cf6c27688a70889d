#!/usr/bin/env bash
# Installs the packages that the benchmark is built with and the peers that leased is compared with, if they are missing
# and available.
#
# A peer that cannot be installed does not stop the benchmark: its report names what is missing. The services of these
# packages, which Debian would start, are prevented from starting: the benchmark starts separate servers in a temporary
# folder.
set -euo pipefail

required=(libnghttp2-dev libpq-dev)
peers=(redis-server etcd-server postgresql)

if ! command -v dpkg-query > /dev/null; then
    echo "Not Debian: make sure that the like of these is installed: ${required[*]} ${peers[*]}"
    exit 0
fi

missing=()
for package in "${required[@]}" "${peers[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing+=("$package")
done
(( ${#missing[@]} )) || exit 0

sudo=()
(( EUID == 0 )) || sudo=(sudo)

# invoke-rc.d(8) asks this program whether a service may be started; 101 is "no".
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
    trap '"${sudo[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" > /dev/null
    "${sudo[@]}" chmod 755 "$policy"
fi

echo "Installing the missing packages: ${missing[*]}"
"${sudo[@]}" apt-get update -qq || echo "The list of packages could not be brought up to date."
for package in "${missing[@]}"; do
    if ! "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$package" > /dev/null; then
        echo "$package could not be installed."
        # Without these two the build fails.
        [[ " ${required[*]} " != *" $package "* ]] || exit 1
    fi
done
