#!/usr/bin/env bash
# Builds dist/gated_VERSION_ARCH.deb: a release that apt installs, with the wheels for Python 3.11 and 3.13 inside. Its
# scripts (deploy/debian) call deploy/install.sh, as a person would.
#
#   deploy/deb.sh [PYTHON [ARCH]]      PYTHON has pip; ARCH is arm64 (a Pi) or amd64 (to try it elsewhere);
#                                      DEBFULLNAME and DEBEMAIL are who made the package
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${1:-python3}
arch=${2:-arm64}
case "$arch" in
  arm64) wheels=aarch64 ;;
  amd64) wheels=x86_64 ;;
  *)
    echo "deb: there is no package for $arch: arm64 or amd64" >&2
    exit 1
    ;;
esac
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/pyproject.toml")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022

DIST=$work ARCHES=$wheels "$here/deploy/release.sh" "$python" >/dev/null
root=$work/root
share=$root/usr/share/gated
doc=$root/usr/share/doc/gated
mkdir -p "$root/DEBIAN" "$share" "$doc/examples" "$root/usr/bin" "$root/usr/lib/systemd/system"
tar -C "$share" --no-same-owner --strip-components 1 -xzf "$work/gated-$version.tar.gz"
# apt knows what to fetch, and the licence is in the copyright file.
rm -rf "$share"/{debs,LICENSE,deploy/debian,deploy/deb.sh,deploy/release.sh,deploy/fetch-debs.sh}

mv "$share"/systemd/*.service "$root/usr/lib/systemd/system/"
rmdir "$share/systemd"
install -D -m 0644 "$share/deploy/journald.conf" "$root/usr/lib/systemd/journald.conf.d/gated.conf"
rm "$share/deploy/journald.conf"
ln -s /opt/gated/current/bin/gated "$root/usr/bin/gated"
ln -s ../../../gated/config/gated.example.toml "$doc/examples/gated.toml"
install -m 0644 "$here/deploy/debian/copyright" "$doc/copyright"
maintainer="${DEBFULLNAME:-the gated authors} <${DEBEMAIL:-gated@$(hostname -f)}>"
printf 'gated (%s) stable; urgency=medium\n\n  * See /usr/share/gated/CHANGELOG.md.\n\n -- %s  %s\n' \
  "$version" "$maintainer" "$(date -R)" | gzip -9n >"$doc/changelog.gz"
install -D -m 0644 "$here/deploy/debian/lintian-overrides" "$root/usr/share/lintian/overrides/gated"

install -m 0755 "$here"/deploy/debian/{postinst,prerm,postrm} "$root/DEBIAN/"
sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" -e "s/@MAINTAINER@/$maintainer/" -e "s/@SIZE@/$(du -sk --apparent-size "$root" | cut -f 1)/" \
  "$here/deploy/debian/control" >"$root/DEBIAN/control"
(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"

mkdir -p "$here/dist"
package=gated_${version}_$arch.deb
# xz, which dpkg of both systems reads; wheels are packed already.
dpkg-deb --root-owner-group -Zxz -z1 --build "$root" "$here/dist/$package" >/dev/null
echo "dist/$package: $(find "$share/wheels" -name '*.whl' | wc -l) wheels"
