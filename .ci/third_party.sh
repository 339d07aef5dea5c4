#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# third_party.sh DEBIAN_ARCH FOLDER: libfdt and zlib for the target, as FOLDER/include and
# FOLDER/lib. They are Debian's packages for that architecture, downloaded by apt (which checks
# their signatures) with a state of its own: nothing is installed, root is not needed, and the
# machine's own apt state does not learn of the foreign architecture.
set -eu

arch=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd)
packages="libfdt-dev zlib1g-dev"
state=$dir/apt
rm -rf "$state" "$dir/include" "$dir/lib" "$dir/root"
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

apt() {
	apt-get -q -o APT::Architecture="$arch" -o APT::Architectures="$arch" \
		-o APT::Sandbox::User="$(id -un)" -o Acquire::Retries=3 -o Acquire::Languages=none \
		-o Dir::State="$state" -o Dir::State::lists="$state/lists" \
		-o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" \
		-o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null "$@"
}

download() {
	[ -s "$state/sources.list" ] || return 1
	# One mirror of several may fail; whether the packages come is what counts.
	apt update >>"$state/log" 2>&1 || true
	# shellcheck disable=SC2086 # words on purpose
	(cd "$state" && apt download $packages) >>"$state/log" 2>&1
}

machine_sources >"$state/sources.list" 2>>"$state/log" || true
if ! download; then
	default_sources >"$state/sources.list"
	download || {
		echo "third_party: cannot download $packages for $arch. What apt says:" >&2
		tail -n 15 "$state/log" >&2
		exit 1
	}
fi

for deb in "$state"/*.deb; do
	dpkg-deb -x "$deb" "$dir/root"
done
# Only these: the rest of the package's /usr/include belongs to glibc, which we do not have.
mkdir "$dir/include" "$dir/lib"
for header in fdt.h libfdt.h libfdt_env.h zlib.h zconf.h; do
	find "$dir/root/usr/include" -name "$header" -exec cp {} "$dir/include/" \;
done
for library in libfdt.a libz.a; do
	find "$dir/root/usr/lib" -name "$library" -exec cp {} "$dir/lib/" \;
done
mkdir -p "$dir/doc"
cp "$dir"/root/usr/share/doc/libfdt-dev/copyright "$dir/doc/libfdt.copyright"
cp "$dir"/root/usr/share/doc/zlib1g-dev/copyright "$dir/doc/zlib.copyright" 2>/dev/null || true
for file in include/libfdt.h include/libfdt_env.h include/fdt.h include/zlib.h include/zconf.h \
	lib/libfdt.a lib/libz.a; do
	[ -s "$dir/$file" ] || { echo "third_party: $file is not in Debian's packages" >&2; exit 1; }
done
rm -rf "$state" "$dir/root"
