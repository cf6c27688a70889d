#!/bin/bash
# deb.sh PROGRAMS OUTPUT [VERSION]: builds leased_VERSION_ARCH.deb from the built programs into the folder OUTPUT.
#
# The package's dependencies are derived from the programs. A program that is linked to Swift's libraries is refused,
# since no package has them, unless DEPENDS gives the dependencies (for a test with debug programs).
set -euo pipefail
umask 022
programs=$1 output=$2
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
version=${3:-$("$programs/leased" --version | awk '{ print $2 }')}
architecture=$(dpkg --print-architecture)
: "${SOURCE_DATE_EPOCH:=$(git -C "$root" log -1 --format=%ct 2> /dev/null || date +%s)}"
export SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
"$here/stage.sh" "$programs" "$tree" /usr
[[ ${STRIP-yes} == no ]] || strip --remove-section=.comment --remove-section=.note "$tree/usr/sbin/leased" "$tree/usr/bin/leasectl"

# Debian's paths and documents.
mv "$tree/usr/share/zsh/site-functions" "$tree/usr/share/zsh/vendor-completions"
documents=$tree/usr/share/doc/leased
[[ -s $documents/THIRD-PARTY-NOTICES ]] || exit 1
install -m 644 "$here/debian/copyright" "$documents/copyright"
gzip --best --no-name < "$root/CHANGELOG.md" > "$documents/NEWS.md.gz"
printf 'leased (%s) unstable; urgency=medium\n\n  * What is new stands in NEWS.md.gz.\n\n -- %s  %s\n' "$version" \
    "$(sed -n 's/^Maintainer: //p' "$here/debian/control.in")" "$(date --utc --rfc-email --date="@$SOURCE_DATE_EPOCH")" |
    gzip --best --no-name > "$documents/changelog.gz"
install -D -m 644 "$here/debian/lintian-overrides" "$tree/usr/share/lintian/overrides/leased"

if [[ -z ${DEPENDS-} ]]; then
    mkdir "$work/debian"
    printf 'Source: leased\n\nPackage: leased\nArchitecture: any\n' > "$work/debian/control"
    DEPENDS=$(cd "$work" && dpkg-shlibdeps -O -e"$tree/usr/sbin/leased" -e"$tree/usr/bin/leasectl" |
        sed 's/^shlibs:Depends=//')
    # Packed relocations need the C library that introduced them, which dpkg-shlibdeps does not notice.
    if readelf --dynamic --wide "$tree/usr/sbin/leased" "$tree/usr/bin/leasectl" | grep --quiet '(RELR)'; then
        libc=$(sed -n 's/.*libc6 (>= \([^)]*\)).*/\1/p' <<< "$DEPENDS")
        if dpkg --compare-versions "$libc" lt 2.36; then
            DEPENDS=${DEPENDS/"libc6 (>= $libc)"/libc6 (>= 2.36)}
        fi
    fi
fi
mkdir "$tree/DEBIAN"
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@DEPENDS@/$DEPENDS/" \
    -e "s/@SIZE@/$(du --summarize --apparent-size --block-size=1024 "$tree" | cut -f 1)/" \
    "$here/debian/control.in" > "$tree/DEBIAN/control"
install -m 644 "$here/debian/conffiles" "$tree/DEBIAN/conffiles"
install -m 755 "$here/debian"/{postinst,prerm,postrm} "$tree/DEBIAN/"
(cd "$tree" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) > "$tree/DEBIAN/md5sums"
chmod 644 "$tree/DEBIAN/md5sums"

mkdir -p "$output"
dpkg-deb --build --root-owner-group "-Z${COMPRESSION:-xz}" "$tree" "$output/leased_${version}_$architecture.deb"
