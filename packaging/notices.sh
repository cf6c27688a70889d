#!/bin/bash
# notices.sh PROGRAMS: writes the licences of what the built programs contain, each under the name of what it is for.
#
# They are those of the very sources that the programs were built from: the checkouts beside PROGRAMS, and the toolchain.
set -euo pipefail
shopt -s nullglob nocaseglob
programs=$(realpath "$1")
checkouts=$(dirname "$programs")/checkouts
# Where the programs of a platform have a folder of their own.
[[ -d $checkouts ]] || checkouts=$(dirname "$(dirname "$programs")")/checkouts
# What the programs have nothing of: it makes documentation.
unused='^swift-docc-'

texts() {
    for file in "$1"/licen[sc]e* "$1"/notice*; do
        printf '\n---- %s ----\n\n' "$(basename "$file")"
        cat "$file"
    done
}

echo "leased and leasectl contain these works, or parts of them, under the licences that follow."
found=
for package in "$checkouts"/*/; do
    name=$(basename "$package")
    [[ ! $name =~ $unused ]] || continue
    text=$(texts "$package")
    [[ -n $text ]] || { echo "notices.sh: $package has no licence" >&2; exit 1; }
    printf '\n======== %s ========\n%s\n' "$name" "$text"
    found=yes
done
[[ -n $found ]] || { echo "notices.sh: there are no sources of packages in $checkouts" >&2; exit 1; }

# What a package has taken in without its licence.
for file in "$(dirname "$0")"/licences/*; do
    printf '\n======== %s ========\n\n' "$(basename "$file")"
    cat "$file"
done

swift=$(swift -print-target-info | sed -n 's/.*"runtimeResourcePath" *: *"\(.*\)".*/\1/p')/../../share/swift
text=$(texts "$swift")
[[ -n $text ]] || { echo "notices.sh: no licence of Swift in $swift" >&2; exit 1; }
printf '\n======== Swift, its standard library and runtime ========\n%s\n' "$text"
