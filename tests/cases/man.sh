#!/usr/bin/env bash
# man.sh - the manual pages say what the programs do.
#
#   - each flag of a program's --help is in its page, and each flag of the page
#     is one that the program takes
#   - each query of logsql(7) is one, and runs on a file
#   - each command of logq(1) is one
#   - the plugin of sluice-filter(3) compiles
#   - scdoc accepts the pages
set -u
O=${O:-build/release}
case $O in /*) ;; *) O=$PWD/$O ;; esac
bin=$O/bin
pages=$PWD/packaging/man
scratch=$(mktemp -d "${TMPDIR:-/tmp}/sluice-man.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
n=0

# check NAME <problems: one a line; none = ok.
check() {
	local problems
	problems=$(cat)
	n=$((n + 1))
	if [ -z "$problems" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		sed 's/^/# /' <<<"$problems"
	fi
}

# The lines of a page's blocks of code.
code_of() {
	awk '/^```$/ { inside = !inside; next } inside' "$1"
}

flags_missing() { # PROGRAM PAGE
	"$bin/$1" --help | grep -oE '^ {2,6}(-[A-Za-z0-9], )?--[a-z-]+' |
		grep -oE -- '--?[A-Za-z0-9][a-z-]*' | sort -u | while read -r flag; do
		grep -qF -- "*$flag*" "$2" || echo "$flag of $1 --help is not in the page"
	done
}

flags_unknown() { # PROGRAM PAGE
	grep -oE -- '\*--[a-z-]+' "$2" | tr -d '*' | sort -u | while read -r flag; do
		"$bin/$1" "$flag=1" --help 2>&1 | grep -i 'unknown option' | sed 's/^/the page has: /'
	done
}

queries_failing() {
	local query code rows=$scratch/rows.ndjson now
	now=$(date +%s)
	for i in {1..40}; do
		printf '{"time":"%s","msg":"request from 10.0.0.%d took %dms","level":"%s",' \
			"$(date -u -d "@$((now - i * 30))" +%FT%TZ)" "$i" $((i * 37)) \
			"$([ $((i % 3)) = 0 ] && echo error || echo info)"
		printf '"service":"s%d","host":"a-%d","trace_id":"t%d","took_ms":%d,"status":%d}\n' \
			$((i % 4)) $((i % 2)) $((i / 5)) $((i * 37)) $((200 + i * 10))
	done >"$rows"
	code_of "$pages/logsql.7.scd" | while IFS= read -r query; do
		"$bin/logq" --timeout 20s -o json -- "$query" "$rows" >"$scratch/out" 2>&1
		code=$?
		[ $code -le 1 ] || echo "exit $code: $query: $(tail -n 1 "$scratch/out")"
	done
}

# Commands that begin with logq, or where logq stands behind a pipe.
commands_failing() {
	cd "$scratch" || exit
	touch access.log access.log.1.gz shop.log
	logq() { "$bin/logq" --check-query "$@"; }
	code_of "$pages/logq.1.scd" | grep -oE '^logq .*|\| logq .*' | sed 's/^| //' |
		while IFS= read -r command; do
			eval "$command" </dev/null >out 2>&1 || echo "$command: $(tail -n 1 out)"
		done
}

plugin_errors() {
	mkdir "$scratch/sluice"
	cp common/api/filter.h "$scratch/sluice/"
	code_of "$pages/sluice-filter.3.scd" | grep -v '^cc ' |
		${CC:-cc} -xc -std=gnu11 -Wall -Wextra -Werror -fsyntax-only -I"$scratch" - 2>&1
}

for page in logq.1 shipper.8 aggregator.8; do
	[ -e "$pages/$page.scd" ] || continue
	check "each flag is in $page" < <(flags_missing "${page%.*}" "$pages/$page.scd")
	check "each flag of $page is one" < <(flags_unknown "${page%.*}" "$pages/$page.scd")
done
check "the queries of logsql(7) run" < <(queries_failing)
check "the commands of logq(1) are right" < <(commands_failing)
check "the plugin of sluice-filter(3) compiles" < <(plugin_errors)
for page in "$pages"/*.scd; do
	if command -v scdoc >/dev/null; then
		check "scdoc takes ${page##*/}" < <(scdoc <"$page" 2>&1 >/dev/null)
	else
		n=$((n + 1))
		echo "ok $n - scdoc takes ${page##*/} # SKIP scdoc is not installed"
	fi
done
echo "1..$n"
