#!/bin/bash
# stage.sh PROGRAMS DESTDIR PREFIX: lays out the installation: programs, units, man pages, completions, documents.
#
# PROGRAMS is the folder of the built programs. Units and examples get paths under PREFIX. The configuration goes to
# /etc; an existing one is left alone.
set -euo pipefail
umask 022
programs=$1 destination=$2 prefix=$3
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
share=$destination$prefix/share

install -D -m 755 "$programs/leased" "$destination$prefix/sbin/leased"
install -D -m 755 "$programs/leasectl" "$destination$prefix/bin/leasectl"

# relocate FILE…: makes them use paths under PREFIX.
relocate() { sed -i "s,/usr/\(s\?bin/lease\|share/doc/leased\),$prefix/\1,g" "$@"; }

# systemd finds units under /usr/local as well as under /usr.
for kind in system user; do
    for unit in "$root/systemd/$kind"/*; do
        place=$destination$prefix/lib/systemd/$kind/$(basename "$unit")
        install -D -m 644 "$unit" "$place"
        relocate "$place"
    done
done
install -D -m 644 "$root/systemd/sysusers.d/leased.conf" "$destination$prefix/lib/sysusers.d/leased.conf"

for program in leased leasectl; do
    install -d "$share/bash-completion/completions" "$share/zsh/site-functions" "$share/fish/vendor_completions.d"
    "$programs/$program" --generate-completion-script bash | sed '1{/^#!/d}' > "$share/bash-completion/completions/$program"
    "$programs/$program" --generate-completion-script zsh > "$share/zsh/site-functions/_$program"
    "$programs/$program" --generate-completion-script fish > "$share/fish/vendor_completions.d/$program.fish"
done

pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT
PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1 "${PYTHON:-python3}" -m man "$programs" "$pages"
for page in "$pages"/*/*; do
    install -d "$share/man/$(basename "$(dirname "$page")")"
    gzip --best --no-name < "$page" > "$share/man/$(basename "$(dirname "$page")")/$(basename "$page").gz"
done

documents=$share/doc/leased
install -d "$documents/examples"
install -m 644 "$root/README.md" "$root/docs"/*.md "$documents"
# `make build` has written the notices beside the programs, since root may have no Swift.
if [[ -s $programs/THIRD-PARTY-NOTICES ]]; then
    install -m 644 "$programs/THIRD-PARTY-NOTICES" "$documents"
else
    "$here/notices.sh" "$programs" > "$documents/THIRD-PARTY-NOTICES" || {
        rm "$documents/THIRD-PARTY-NOTICES"
        echo "stage.sh: the licences of others are left out: do not pass on what is installed" >&2
    }
fi
[[ $prefix == /usr ]] || install -m 644 "$root/LICENSE" "$documents"
# Here the pages are in one folder; files that exist only in the sources are named, but not linked.
sed -i -e 's,](docs/,](,g' -e 's,](\(\.\./\)\?systemd/examples),](examples/systemd),g' \
    -e 's,](\(\.\./\)\?systemd/leased\.yaml),](examples/leased.yaml),g' \
    -e 's,\[\([^]]*\)\](\(examples\|CONTRIBUTING\.md\|\.\./Tests/[^)]*\)),\1,g' "$documents"/*.md
cp --recursive --no-preserve=mode,ownership "$root/systemd/examples" "$documents/examples/systemd"
find "$documents/examples/systemd" -type f | while read -r example; do relocate "$example"; done
install -m 644 "$root/systemd/leased.yaml" "$documents/examples/leased.yaml"
[[ -e $destination/etc/leased/leased.yaml ]] ||
    install -D -m 644 "$root/systemd/leased.yaml" "$destination/etc/leased/leased.yaml"
