#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# third_party.sh DEBIAN_ARCH FOLDER: libfdt and zlib for the target, as FOLDER/include and
# FOLDER/lib, from Debian's packages for that architecture.
set -eu

arch=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd)
rm -rf "$dir/include" "$dir/lib"
"$(dirname "$0")/debian_download.sh" "$arch" "$dir" libfdt-dev zlib1g-dev

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
rm -rf "$dir/root"
