#!/usr/bin/env bash
# deps.sh [--check] - install what building and testing Sluice needs and is missing.
#
# Debian and Ubuntu with apt-get, Fedora with dnf; through sudo when not root.
# Says what it installs; does and says nothing when nothing is missing.
# --check only lists what is missing and exits 1 if something is.
set -eu

# program or header : Debian package : Fedora package
needs='
gcc:gcc:gcc
make:make:make
pkg-config:pkg-config:pkgconf-pkg-config
clang:clang:clang
clang-format:clang-format:clang-tools-extra
ctags:universal-ctags:ctags
git:git:git
python3:python3-minimal:python3
zstd:zstd:zstd
gzip:gzip:gzip
sqlite3:sqlite3:sqlite
strace:strace:strace
curl:curl:curl
jq:jq:jq
java:default-jre-headless:java-17-openjdk-headless
mvn:maven:maven
systemd-analyze:systemd:systemd
librdkafka/rdkafka.h:librdkafka-dev:librdkafka-devel
json-c/json.h:libjson-c-dev:json-c-devel
pcre2.h:libpcre2-dev:pcre2-devel
zstd.h:libzstd-dev:libzstd-devel
cmocka.h:libcmocka-dev:libcmocka-devel
yaml.h:libyaml-dev:libyaml-devel
uv.h:libuv1-dev:libuv-devel
microhttpd.h:libmicrohttpd-dev:libmicrohttpd-devel
xxhash.h:libxxhash-dev:xxhash-devel
sqlite3.h:libsqlite3-dev:sqlite-devel
zlib.h:zlib1g-dev:zlib-devel
'

present() {
	case $1 in
	*.h) [ -e "/usr/include/$1" ] || ls /usr/include/*/"$1" >/dev/null 2>&1 ;;
	*) command -v "$1" >/dev/null 2>&1 ;;
	esac
}

if command -v apt-get >/dev/null 2>&1; then
	column=2
elif command -v dnf >/dev/null 2>&1; then
	column=3
else
	column=2
fi
missing=()
while IFS=: read -r what debian fedora; do
	[ -n "$what" ] || continue
	present "$what" && continue
	[ $column = 2 ] && missing+=("$debian") || missing+=("$fedora")
done <<<"$needs"
# The sanitizers of clang are a package of their own, named by its version.
if ! clang_libs_missing=$(command -v clang >/dev/null && clang -print-file-name=libclang_rt.asan-x86_64.a) ||
	{ [ -n "$clang_libs_missing" ] && [ ! -e "$clang_libs_missing" ]; }; then
	[ $column = 2 ] && missing+=("libclang-rt-$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -1)-dev")
	[ $column = 3 ] && missing+=(compiler-rt)
fi
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "${1:-}" = --check ]; then
	echo "missing: ${missing[*]}"
	exit 1
fi
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
if [ $column = 3 ]; then
	install=($sudo dnf install -y "${missing[@]}")
elif command -v apt-get >/dev/null 2>&1; then
	install=($sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends)
else
	echo "deps: neither apt-get nor dnf here; please install: ${missing[*]}" >&2
	exit 1
fi
echo "deps: installing ${missing[*]}"
if [ $column = 2 ]; then
	$sudo apt-get update -qq
	# The name of clang's runtime package depends on the clang that apt knows.
	for i in "${!missing[@]}"; do
		[ "${missing[$i]}" = libclang-rt--dev ] || continue
		missing[i]=libclang-rt-$(apt-cache depends clang | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -1)-dev
	done
	install+=("${missing[@]}")
fi
"${install[@]}" >"${TMPDIR:-/tmp}/sluice-deps.log" 2>&1 || {
	tail -n 20 "${TMPDIR:-/tmp}/sluice-deps.log" >&2
	echo "deps: failed: ${install[*]}" >&2
	exit 1
}
