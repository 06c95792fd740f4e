#!/usr/bin/env bash
# deps.sh [build|test] [--check] - install what Sluice needs here and is missing.
#
# `build` is what compiling and the demo need; `test` (the default) adds what
# the gates and tests use.  Debian and Ubuntu with apt-get, Fedora with dnf;
# through sudo when not root.  Says what it installs; does and says nothing when
# nothing is missing.  --check only lists what is missing, exit 1 if something is.
set -eu

# what : program or header : Debian package : Fedora package
needs='
build:gcc:gcc:gcc
build:make:make:make
build:pkg-config:pkg-config:pkgconf-pkg-config
build:jq:jq:jq
build:librdkafka/rdkafka.h:librdkafka-dev:librdkafka-devel
build:json-c/json.h:libjson-c-dev:json-c-devel
build:pcre2.h:libpcre2-dev:pcre2-devel
build:zstd.h:libzstd-dev:libzstd-devel
build:yaml.h:libyaml-dev:libyaml-devel
build:microhttpd.h:libmicrohttpd-dev:libmicrohttpd-devel
build:xxhash.h:libxxhash-dev:xxhash-devel
build:sqlite3.h:libsqlite3-dev:sqlite-devel
build:zlib.h:zlib1g-dev:zlib-devel
test:cmocka.h:libcmocka-dev:libcmocka-devel
test:clang:clang:clang
test:clang-format:clang-format:clang-tools-extra
test:ctags:universal-ctags:ctags
test:git:git:git
test:python3:python3-minimal:python3
test:zstd:zstd:zstd
test:gzip:gzip:gzip
test:sqlite3:sqlite3:sqlite
test:strace:strace:strace
test:curl:curl:curl
test:scdoc:scdoc:scdoc
test:java:default-jre-headless:java-17-openjdk-headless
test:mvn:maven:maven
test:systemd-analyze:systemd:systemd
'

wanted=test
check=
for word in "$@"; do
	case $word in
	build | test) wanted=$word ;;
	--check) check=1 ;;
	*)
		echo "usage: deps.sh [build|test] [--check]" >&2
		exit 64
		;;
	esac
done

present() {
	case $1 in
	*.h) [ -e "/usr/include/$1" ] || ls /usr/include/*/"$1" >/dev/null 2>&1 ;;
	*) command -v "$1" >/dev/null 2>&1 ;;
	esac
}

# The sanitizers of clang are a package of their own on Debian, named by its version.
clang_runtime() {
	local library
	if ! command -v clang >/dev/null; then
		return 1
	fi
	library=$(clang -print-file-name=libclang_rt.asan-x86_64.a)
	[ -e "$library" ]
}

dnf=
command -v apt-get >/dev/null 2>&1 || ! command -v dnf >/dev/null 2>&1 || dnf=1
missing=()
while IFS=: read -r group what debian fedora; do
	[ -n "$what" ] && { [ "$group" = build ] || [ $wanted = test ]; } || continue
	present "$what" && continue
	[ -z "$dnf" ] && missing+=("$debian") || missing+=("$fedora")
done <<<"$needs"
runtime=
[ $wanted = build ] || clang_runtime || runtime=1
[ ${#missing[@]} -gt 0 ] || [ -n "$runtime" ] || exit 0

if [ -n "$check" ]; then
	echo "missing: ${missing[*]}${runtime:+ and the sanitizers of clang}"
	exit 1
fi
if ! command -v apt-get >/dev/null 2>&1 && [ -z "$dnf" ]; then
	echo "deps: neither apt-get nor dnf here; please install: ${missing[*]}" >&2
	exit 1
fi
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
log=${TMPDIR:-/tmp}/sluice-deps.log
failed() {
	tail -n 20 "$log" >&2
	echo "deps: could not install: ${missing[*]}" >&2
	exit 1
}
if [ -n "$dnf" ]; then
	[ -z "$runtime" ] || missing+=(compiler-rt)
	echo "deps: installing ${missing[*]}"
	$sudo dnf install -y "${missing[@]}" >"$log" 2>&1 || failed
	exit 0
fi
$sudo apt-get update -qq >"$log" 2>&1 || failed
if [ -n "$runtime" ]; then
	missing+=("$(apt-cache depends clang | sed -n 's/.*Depends: clang-\([0-9]*\)$/libclang-rt-\1-dev/p' | head -n 1)")
fi
echo "deps: installing ${missing[*]}"
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1 || failed
