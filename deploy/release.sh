#!/usr/bin/env bash
# Builds dist/gated-VERSION.tar.gz, which installs without network: the wheel, every library as a wheel for 64-bit ARM and
# Python 3.11 and 3.13, and what deploy/fetch-debs.sh put into debs/.
#
#   deploy/release.sh [PYTHON]      PYTHON has pip; ARCHES="aarch64 x86_64" adds wheels for other machines,
#                                   PYTHONS="3.13:trixie" leaves those for bookworm out,
#                                   DIST=FOLDER puts it elsewhere
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${1:-python3}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/pyproject.toml")
name=gated-$version
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wheels=$work/$name/wheels
mkdir -p "$wheels"

"$python" -m pip wheel --quiet --no-deps --wheel-dir "$wheels" "$here"
for arch in ${ARCHES:-aarch64}; do
  for release in ${PYTHONS:-3.11:bookworm 3.13:trixie}; do
    limits=()
    if [ "${release#*:}" = bookworm ]; then limits=(-c "$here/deploy/bookworm.txt"); fi
    platforms=()
    for glibc in 2_17 2_28 2_31 2_34; do platforms+=(--platform "manylinux_${glibc}_$arch"); done
    "$python" -m pip download --quiet --only-binary :all: --dest "$wheels" --python-version "${release%:*}" \
      "${platforms[@]}" --platform "manylinux2014_$arch" "${limits[@]}" "$wheels/$name-py3-none-any.whl"
  done
done
cp -r "$here"/{deploy,systemd,config,README.md,CHANGELOG.md,LICENSE} "$work/$name/"
if [ -d "$here/debs" ]; then cp -r "$here/debs" "$work/$name/"; fi
dist=${DIST:-$here/dist}
mkdir -p "$dist"
# Wheels and packages are compressed already.
tar -C "$work" --owner=0 --group=0 --use-compress-program='gzip -1' -cf "$dist/$name.tar.gz" "$name"
printf '%s: %s wheels, %s packages\n' "$name.tar.gz" "$(find "$wheels" -name '*.whl' | wc -l)" \
  "$(find "$work/$name" -name '*.deb' | wc -l)"
