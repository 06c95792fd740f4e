#!/usr/bin/env bash
# Each header compiles alone and has its own guard.
. tests/gates/lib.sh

flags="-std=gnu11 -D_GNU_SOURCE -Wall -Wextra -I. $(pkg-config --cflags rdkafka json-c libpcre2-8 libmicrohttpd sqlite3)"
for header in $(sources | grep '\.h$'); do
	printf '#include "%s"\n' "$header" |
		${CC:-gcc} $flags -Werror -x c -fsyntax-only - >/dev/null 2>&1 || echo "$header does not compile alone"
done | gate "headers compile alone"

for header in $(sources | grep '\.h$'); do
	guard=$(sed -n 's/^#ifndef \(SLUICE_[A-Z0-9_]*_H\)$/\1/p' "$header" | head -1)
	[ -n "$guard" ] || echo "$header has no guard SLUICE_…_H"
	head -1 "$header" | grep -q '^/\*' || echo "$header does not open with a comment that says what it is"
	[ -n "$guard" ] && sources | grep '\.h$' | xargs grep -l "^#ifndef $guard\$" | grep -vx "$header" |
		sed "s|^|$header shares its guard with |"
done | gate "headers have their own guard and say what they are"
