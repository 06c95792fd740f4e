#!/usr/bin/env bash
# logq's configuration file, environment and flags: which wins, what is refused
# and how it is said; and every flag by each of its names.
. "$(dirname "$0")/lib.sh"
need jq

config=$scratch/logq/config.yaml # lib.sh has set XDG_CONFIG_HOME
mkdir "$scratch/logq"
logq() { timeout 60 "$bin/logq" "$@" 2>"$scratch/logq.err"; }
err() { cat "$scratch/logq.err"; }
now=$(date -u +%FT%TZ)
cat >"$scratch/app.log" <<END
{"time":"2026-03-01T12:00:00Z","level":"info","msg":"one","service":"cart"}
{"time":"2026-03-01T12:00:01Z","level":"error","msg":"two","service":"cart"}
{"time":"$now","level":"info","msg":"three","service":"web"}
END
"$bin/shipper" --once --state "$scratch/state" --to "dir://$scratch/bus" "$scratch/app.log" >/dev/null
"$bin/aggregator" --from "dir://$scratch/bus" --store "$scratch/store" --once >/dev/null

# The order: flag, environment, file, default.
is "no file is fine" "$(logq -o cat one "$scratch/app.log")" one
echo 'output: cat' >"$config"
is "the file" "$(logq one "$scratch/app.log")" one
is "the environment wins over the file" "$(LOGQ_OUTPUT=logfmt logq 'one | fields _msg' "$scratch/app.log")" _msg=one
is "a flag wins over both" "$(LOGQ_OUTPUT=logfmt logq -o json 'one | fields _msg' "$scratch/app.log")" '{"_msg":"one"}'
is "--config= is none" "$(logq --config= -z one "$scratch/app.log")" "Mar 01 12:00:00.000 INFO  cart: one"
printf 'output: short-iso\nutc: true\n' >"$scratch/other.yaml"
is "--config FILE" "$(TZ=Asia/Tokyo logq --config "$scratch/other.yaml" one "$scratch/app.log")" "2026-03-01T12:00:00.000Z INFO  cart: one"
is "LOGQ_CONFIG" "$(TZ=Asia/Tokyo LOGQ_CONFIG=$scratch/other.yaml logq one "$scratch/app.log")" "2026-03-01T12:00:00.000Z INFO  cart: one"
is "a switch of the file is turned off" \
	"$(TZ=JST-9 logq --config "$scratch/other.yaml" --no-utc one "$scratch/app.log")" "2026-03-01T21:00:00.000+09:00 INFO  cart: one"

# Sources: a file on the command line silences the one of the configuration.
printf 'dir: %s\nsince: 1000000h\noutput: cat\n' "$scratch/store" >"$config"
is "a source in the file" "$(logq two)" two
like "its since is said" "$(err)" "since 1000000h, by the configuration"
is "files on the command line instead" "$(logq three "$scratch/app.log")" three
is "they are read whole" "$(sed -i s/1000000h/1h/ "$config"; logq -c "$scratch/app.log")" 3
is "an index is not" "$(logq -c)" 1
is "-S goes over the file's since" "$(logq -S @0 -c)" 3
is "a time in the query too" "$(logq -c '_time:2026-03-01')" 2
logq --server "unix:$scratch/none" '*' >/dev/null
like "--server instead of the file's dir" "$(err)" "$scratch/none: No such file"
LOGQ_SERVER=unix:$scratch/none logq '*' >/dev/null
like "LOGQ_SERVER too" "$(err)" "$scratch/none: No such file"
is "but -D over that" "$(LOGQ_SERVER=unix:$scratch/none logq -D "$scratch/store" -c)" 1
is "and FILE" "$(LOGQ_SERVER=unix:$scratch/none logq -c '*' "$scratch/app.log")" 3

# --print-config is a configuration that says the same.
LOGQ_UTC=true logq --print-config --color=always -n 3 >"$scratch/printed.yaml"
like "values of the file" "$(cat "$scratch/printed.yaml")" "dir: $scratch/store  # $config:1"
like "of the environment" "$(cat "$scratch/printed.yaml")" 'utc: true  # LOGQ_UTC'
like "of flags" "$(cat "$scratch/printed.yaml")" 'color: always  # --color'
like "defaults" "$(cat "$scratch/printed.yaml")" 'window: 10s  # default'
like "what is about this run is a comment" "$(cat "$scratch/printed.yaml")" '# lines: 3  # --lines'
is "it can be read again" "$(logq --config "$scratch/printed.yaml" --print-config | sed 's/ *#.*//' | grep .)" \
	"$(sed 's/ *#.*//' "$scratch/printed.yaml" | grep .)"
is "--json-schema has the keys" "$(logq --json-schema | jq -r '.properties | keys[]' | grep -cE '^(server|since|output|lines)$')" 3
is "a default has its type" "$(logq --json-schema | jq -c '.properties | [.highlight.default, .output.default]')" '[true,"auto"]'

# Mistakes: all of them, with place and what to do; exit 2.
printf 'outptu: json\nutc: maybe\nlines: 5\n' >"$config"
logq one "$scratch/app.log" >"$scratch/out"
is "a wrong file is 2" $? 2
is "nothing is printed" "$(cat "$scratch/out")" ""
is "all mistakes are said" "$(err)" "$config:1:1: error: unknown key 'outptu' (did you mean 'output'?)
$config:2:6: error: utc: expected true or false, got 'maybe'
$config:3:1: error: 'lines' is about one run: give it as --lines"
check "--help works all the same" logq --help
check "--version too" logq --version
printf 'output: nosuch\n' >"$config"
logq one "$scratch/app.log" >/dev/null
like "a format that there isn't" "$(err)" "$config:1:9: error: output: 'nosuch' is no format"
printf 'server: ${SLUICE_TEST_UNSET}\n' >"$config"
logq one "$scratch/app.log" >/dev/null
like "a variable that isn't set" "$(err)" "'SLUICE_TEST_UNSET' is not set"
printf 'output: ${SLUICE_TEST_FORMAT}\n' >"$config"
is "one that is" "$(SLUICE_TEST_FORMAT=cat logq one "$scratch/app.log")" one
printf 'utc: true\nutc: true\n' >"$config"
logq one "$scratch/app.log" >/dev/null
like "a key twice" "$(err)" "$config:2:1: error: duplicate key 'utc'"
logq --config "$scratch/none.yaml" one "$scratch/app.log" >/dev/null
is "a file that was named must be there" $? 2
like "and is" "$(err)" "none.yaml"
rm "$config"
LOGQ_LINES=many logq one "$scratch/app.log" >/dev/null
is "a wrong variable is 2" $? 2
like "and named" "$(err)" "LOGQ_LINES: expected a whole number, got 'many'"

# What matched is painted, where there are colors.
marked() { grep -c $'\033\\[1;35mtwo\033' ; }
is "--highlight is the default with colors" "$(logq --color=always two "$scratch/app.log" | marked)" 1
is "--no-highlight" "$(logq --color=always --no-highlight two "$scratch/app.log" | marked)" 0
is "without colors there is none" "$(logq --highlight two "$scratch/app.log" | marked)" 0
is "-g too" "$(logq --color=always -g 't.o' "$scratch/app.log" | marked)" 1
is "not what is negated" "$(logq --color=always -v one "$scratch/app.log" | marked)" 0
is "data has no colors" "$(logq --color=always -o json two "$scratch/app.log" | grep -c $'\033')" 0

# Each option of --help has its variable: a wrong value is refused, or it is heard.
flags=$(logq --help | grep -oE '^ {2,6}(-[A-Za-z0-9], )?--[a-z-]+(\[?=| )[A-Z]+' | grep -oE -- '--[a-z-]+' | sort -u)
for flag in $flags; do
	[ "$flag" != --config ] || continue
	name=LOGQ_$(tr a-z- A-Z_ <<<"${flag#--}")
	env "$name=x" timeout 60 "$bin/logq" --print-config >"$scratch/out" 2>&1
	check "$name" grep -qE "(# $name|^logq: $name: )" "$scratch/out"
done
done_testing
