#!/usr/bin/env bash
# On a connected Pi of the same system as the gates: fetches the packages that gated needs from apt, and what these
# need, into debs/, for Pis that have no network. Installs nothing. Run it on a Pi fresh from its image: what a Pi has
# already of what these need is not fetched.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
packages=(python3-venv python3-picamera2 python3-lgpio python3-systemd)
[ "$(id -u)" = 0 ] || {
  echo "fetch-debs: needs root: run it with sudo" >&2
  exit 1
}
mkdir -p "$here/debs/partial"
apt-get update -qq
for package in "${packages[@]}"; do
  # Also what is installed here already: the other Pis may lack it.
  apt-get install -y -qq --reinstall --download-only --no-install-recommends -o Dir::Cache::archives="$here/debs" "$package" ||
    echo "fetch-debs: MISSING $package: apt does not offer it here" >&2
done
rm -rf "$here/debs/partial" "$here/debs/lock"
echo "fetch-debs: $(find "$here/debs" -name '*.deb' | wc -l) packages in debs/"
