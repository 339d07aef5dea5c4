#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# deps.sh PACKAGE...: sees to it that these Debian packages are installed. Silent and quick (one
# dpkg-query) when they are, which is why every build starts with it. Otherwise they are
# installed by apt as root or through sudo; where neither is possible, the command to type is printed.
set -eu

command -v dpkg-query >/dev/null || {
	echo "deps: no dpkg here, cannot check for (the equivalents of): $*" >&2
	echo "deps: use 'make DEPS=no ...' once you have them" >&2
	exit 1
}

missing=
installed=" $(dpkg-query -W -f '${db:Status-Status}:${Package} ' "$@" 2>/dev/null || true)"
for package in "$@"; do
	case $installed in
	*" installed:$package "*) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
	sudo=
elif sudo -n true 2>/dev/null; then
	sudo="sudo -n"
else
	echo "deps: packages are missing, and there is no root or passwordless sudo. Please run:" >&2
	echo "    sudo apt-get update && sudo apt-get install --no-install-recommends$missing" >&2
	exit 1
fi

echo "deps: installing$missing" >&2
apt="$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300"
# A package source that has nothing to do with us may be out of order: the install is what counts.
$apt update >&2 || echo "deps: apt-get update had errors, going on" >&2
# shellcheck disable=SC2086 # words on purpose
$apt install -y --no-install-recommends $missing </dev/null >&2
