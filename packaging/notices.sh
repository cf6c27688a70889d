#!/bin/bash
# notices.sh PROGRAMS: writes the licences of the works that the built programs contain, each under the name of its
# work.
#
# They come from the sources that the programs were built from: the checkouts beside PROGRAMS, and the toolchain.
set -euo pipefail
shopt -s nullglob nocaseglob
programs=$(realpath "$1")
checkouts=$(dirname "$programs")/checkouts
# If each platform has a separate folder of programs.
[[ -d $checkouts ]] || checkouts=$(dirname "$(dirname "$programs")")/checkouts
# The programs contain nothing of these, which generate documentation.
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

# Works that a package includes without their licence.
for file in "$(dirname "$0")"/licences/*; do
    printf '\n======== %s ========\n\n' "$(basename "$file")"
    cat "$file"
done

swift=$(swift -print-target-info | sed -n 's/.*"runtimeResourcePath" *: *"\(.*\)".*/\1/p')/../../share/swift
text=$(texts "$swift")
[[ -n $text ]] || { echo "notices.sh: no licence of Swift in $swift" >&2; exit 1; }
printf '\n======== Swift, its standard library and runtime ========\n%s\n' "$text"
