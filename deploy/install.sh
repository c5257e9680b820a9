#!/usr/bin/env bash
# Installs gated on 64-bit Raspberry Pi OS (bookworm or trixie); run again, it brings the next version beside the one
# that runs and switches over, or back if the new one does not become ready.
#
#   sudo ./deploy/install.sh                      from a clone (needs network) or from an unpacked release (needs none)
#   sudo ./deploy/install.sh --uninstall          takes the program away; config and data stay
#   sudo ./deploy/install.sh --uninstall --purge  takes config, scans and the token away, too
#   --no-start                                    does not start or restart the service
#   --packaged                                    for the scripts of the .deb: leaves to dpkg what dpkg does
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
prefix=/opt/gated
unit=/etc/systemd/system/gated.service
failed_unit=/etc/systemd/system/gated-failed.service
# picamera2 and lgpio have no wheels; systemd-python could be built, but apt has it ready.
packages=(python3-venv python3-picamera2 python3-lgpio python3-systemd)

say() { printf 'install: %s\n' "$*"; }
fail() {
  printf 'install: %s\n' "$*" >&2
  exit 1
}

has_package() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

start=yes
action=install
purge=no
packaged=no
while [ $# -gt 0 ]; do
  case "$1" in
    --no-start) start=no ;;
    --uninstall) action=uninstall ;;
    --purge) purge=yes ;;
    --packaged) packaged=yes ;;
    -h | --help)
      sed -n '2,10s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    *) fail "unknown option $1; see --help" ;;
  esac
  shift
done
[ "$(id -u)" = 0 ] || fail "needs root: run it with sudo"
if [ "$purge" = yes ] && [ "$action" != uninstall ]; then fail "--purge belongs to --uninstall"; fi
undo="--purge"
if [ "$packaged" = yes ]; then
  undo="apt purge gated"
elif has_package gated; then
  fail "gated is installed as a package here: sudo apt install ./gated_VERSION.deb updates it, sudo apt remove gated removes it"
fi

systemd_runs() { [ -d /run/systemd/system ]; }

remove_files() {
  local wanted=/etc/systemd/system/multi-user.target.wants/gated.service
  if [ "$(readlink "$wanted" || true)" = "$unit" ]; then rm -f "$wanted"; fi
  rm -f "$unit" "$failed_unit" /etc/systemd/journald.conf.d/gated.conf
  if [ "$(readlink /usr/local/bin/gated || true)" = "$prefix/current/bin/gated" ]; then rm -f /usr/local/bin/gated; fi
}

uninstall() {
  if systemd_runs; then systemctl stop --quiet gated.service gated-failed.service 2>/dev/null || true; fi
  if [ "$packaged" = no ]; then
    if systemd_runs; then systemctl disable --quiet gated.service 2>/dev/null || true; fi
    remove_files
    if systemd_runs; then systemctl daemon-reload; fi
  fi
  rm -rf "$prefix"
  if [ "$purge" = yes ]; then
    rm -rf /etc/gated /var/lib/gated
    if getent passwd gated >/dev/null; then userdel gated; fi
    say "gated is gone, and so are its config, its scans and its token."
    say "Revoke the device at the ticket server, too."
  else
    say "gated is gone; /etc/gated and /var/lib/gated are as they were ($undo takes them away)."
  fi
}

check_machine() {
  . /etc/os-release
  case "${VERSION_CODENAME:-}" in
    bookworm | trixie) ;;
    *) fail "this is ${PRETTY_NAME:-an unknown system}: gated needs Raspberry Pi OS bookworm or trixie" ;;
  esac
  [ "$(getconf LONG_BIT)" = 64 ] ||
    fail "this is a 32-bit system, and the libraries have no 32-bit builds: install 64-bit Raspberry Pi OS"
  codename=$VERSION_CODENAME
}

install_packages() {
  export DEBIAN_FRONTEND=noninteractive
  local missing=() package
  for package in "${packages[@]}"; do has_package "$package" || missing+=("$package"); done
  [ "${#missing[@]}" -gt 0 ] || return 0
  if compgen -G "$here/debs/*.deb" >/dev/null; then
    # Not --no-download: apt then finds no package whose version has an epoch.
    apt-get install -y -qq --no-install-recommends "$here"/debs/*.deb >/dev/null ||
      say "the packages in debs/ could not be installed: they are for another system?"
  elif [ ! -d "$here/wheels" ]; then
    apt-get update -qq || say "the package lists could not be updated"
    for package in "${missing[@]}"; do
      apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 || true
    done
  fi
  for package in "${missing[@]}"; do
    has_package "$package" && continue
    case "$package" in
      python3-venv) fail "python3-venv is missing: connect to the network, or run deploy/fetch-debs.sh on a connected Pi" ;;
      python3-picamera2) say "MISSING $package: no Raspberry Pi camera until it is installed" ;;
      python3-lgpio) say "MISSING $package: no lamps and no button until it is installed" ;;
      *) say "MISSING $package: systemd hears less of the gate until it is installed" ;;
    esac
  done
}

make_user() {
  local group
  for group in gpio video i2c dialout; do getent group "$group" >/dev/null || groupadd --system "$group"; done
  getent passwd gated >/dev/null ||
    useradd --system --user-group --home-dir /var/lib/gated --no-create-home --shell /usr/sbin/nologin gated
  usermod -aG gpio,video,i2c,dialout gated
  install -d -o root -g gated -m 0750 /etc/gated
  install -d -o gated -g gated -m 0750 /var/lib/gated
  if [ ! -e /etc/gated/gated.toml ]; then
    install -o root -g gated -m 0640 "$here/config/gated.example.toml" /etc/gated/gated.toml
    fresh_config=yes
  fi
}

# A release is complete or not there: it is built aside and renamed, so that a power cut leaves no half of one.
build_release() {
  local draft=$prefix/releases/.new sources=() limits=()
  rm -rf "$draft"
  install -d -m 0755 "$prefix" "$prefix/releases"
  python3 -m venv --system-site-packages "$draft"
  if [ "$codename" = bookworm ]; then limits=(-c "$here/deploy/bookworm.txt"); fi
  if [ -d "$here/wheels" ]; then
    sources=(--no-index --find-links "$here/wheels" gated)
  else
    sources=("$here")
  fi
  "$draft/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir "${limits[@]}" "${sources[@]}" ||
    fail "the Python packages could not be installed; nothing was changed"
  version=$("$draft/bin/python" -c 'from importlib.metadata import version; print(version("gated"))')
  release=$prefix/releases/$version
  if [ "$(readlink -f "$prefix/current" 2>/dev/null || true)" = "$release" ]; then
    # The same version once more: what runs must not be pulled away from under itself.
    local number=1
    while [ -e "$release+$number" ]; do number=$((number + 1)); done
    release=$release+$number
  fi
  rm -rf "$release"
  # The scripts of an environment name its folder.
  grep -rlIF "$draft" "$draft/bin" "$draft/pyvenv.cfg" | xargs -r sed -i "s#$draft#$release#g"
  mv "$draft" "$release"
  sync -f "$prefix"
}

install_files() {
  install -D -m 0644 "$here/systemd/gated.service" "$unit"
  install -D -m 0644 "$here/systemd/gated-failed.service" "$failed_unit"
  install -D -m 0644 "$here/deploy/journald.conf" /etc/systemd/journald.conf.d/gated.conf
  install -d /usr/local/bin
  ln -sfn "$prefix/current/bin/gated" /usr/local/bin/gated
}

reload_systemd() {
  systemctl daemon-reload
  systemctl try-restart systemd-journald.service || true
}

if [ "$action" = uninstall ]; then
  uninstall
  exit 0
fi

fresh_config=no
check_machine
if [ "$packaged" = no ]; then
  say "packages"
  install_packages
fi
make_user
say "gated and its libraries"
build_release
# What this script put in place once would hide the files of the package.
if [ "$packaged" = yes ]; then remove_files; else install_files; fi
if systemd_runs; then reload_systemd; fi
options=()
if [ "$start" = no ] || ! systemd_runs; then options+=(--no-start); fi
"$release/bin/gated" activate "${options[@]}" "$(basename "$release")"
if [ "$packaged" = no ] && systemd_runs; then systemctl enable --quiet gated.service; fi
if [ "$fresh_config" = yes ]; then
  say "next: sudo systemctl start gated, then show it the QR code that the ticket server has for its device (or: gated enrol --help)"
  say "then: sudo gated check --ask --show"
fi
