#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# debian_download.sh ARCH FOLDER PACKAGE...: unpacks these Debian packages of architecture ARCH in
# FOLDER/root. apt downloads them (and checks their signatures) with a state of its own: nothing
# is installed, root is not needed, and the machine's own apt state does not learn of the foreign
# architecture. PACKAGE+ means the package that a metapackage stands for: its first dependency.
set -eu

arch=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd)
shift 2
packages=$*
state=$dir/apt
rm -rf "$state" "$dir/root"
mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$dir/root"
: >"$state/status"

codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-stable}")
for keyring in /usr/share/keyrings/debian-archive-keyring.gpg \
	/usr/share/keyrings/debian-archive-keyring.pgp; do
	if [ -e "$keyring" ]; then signed="[signed-by=$keyring]"; break; fi
done

# The machine's own Debian mirrors, without whatever else is configured there: other sources
# seldom have our architectures.
machine_sources() {
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk -v codename="$codename" -v signed="${signed:-}" '
			$1 !~ /debian/ || $3 != "main" { next }
			$2 !~ "^(" codename "|stable|testing|unstable|sid)(-updates|-security)?$" { next }
			!seen[$0]++ { print "deb", signed, $1, $2, $3 }'
}

default_sources() {
	echo "deb ${signed:-} http://deb.debian.org/debian $codename main"
	echo "deb ${signed:-} http://deb.debian.org/debian-security $codename-security main"
}

# $1: apt-get or apt-cache
apt() {
	tool=$1
	shift
	"$tool" -q -o APT::Architecture="$arch" -o APT::Architectures="$arch" \
		-o APT::Sandbox::User="$(id -un)" -o Acquire::Retries=3 -o Acquire::Languages=none \
		-o Dir::State="$state" -o Dir::State::lists="$state/lists" \
		-o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" \
		-o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null "$@"
}

# The packages' names, with PACKAGE+ replaced.
resolve() {
	for package in $packages; do
		case $package in
		*+) apt apt-cache depends --important "${package%+}" |
			awk '$1 == "Depends:" { print $2; found = 1; exit } END { exit !found }' ;;
		*) echo "$package" ;;
		esac || return 1
	done
}

download() {
	[ -s "$state/sources.list" ] || return 1
	# One mirror of several may fail; whether the packages come is what counts.
	apt apt-get update >>"$state/log" 2>&1 || true
	names=$(resolve 2>>"$state/log") || return 1
	# shellcheck disable=SC2086 # words on purpose
	(cd "$state" && apt apt-get download $names) >>"$state/log" 2>&1
}

machine_sources >"$state/sources.list" 2>>"$state/log" || true
if ! download; then
	default_sources >"$state/sources.list"
	download || {
		echo "debian_download: cannot download $packages for $arch. What apt says:" >&2
		tail -n 15 "$state/log" >&2
		exit 1
	}
fi

for deb in "$state"/*.deb; do
	dpkg-deb -x "$deb" "$dir/root"
done
rm -rf "$state"
