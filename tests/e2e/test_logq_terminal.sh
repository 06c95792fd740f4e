#!/usr/bin/env bash
# logq as a person sees it: on a terminal of 40, 80 or 200 columns, with UTF-8 and
# without, through a pager, while it waits and while it follows.
. "$(dirname "$0")/lib.sh"
need jq less

export TERM=xterm LC_ALL=C.UTF-8 TZ=UTC
unset NO_COLOR PAGER LESS LOGQ_PAGER
grow=$scratch/grow.log
raw=$scratch/raw

# term SIZE COMMAND…, the script on stdin: the screen; the bytes are in $raw.
term() {
	local size=$1
	shift
	"$tools/ptyrun" -s "$size" -t 60 -o "$raw" "$@" 2>>"$scratch/ptyrun.err"
}
# see SIZE ARGUMENT…: the screen after a run that needs nobody.
see() {
	local size=$1
	shift
	term "$size" "$bin/logq" --no-pager "$@" </dev/null
}
# No line is wider than N columns: what is wider wraps, so the screen is as high as the text.
lines_of() { "$bin/logq" "$@" 2>/dev/null | wc -l; }
has_escape() { grep -q $'\033\[[0-9;]*m' "$raw"; }

cat >"$scratch/app.log" <<'END'
{"time":"2026-03-01T12:00:00.005Z","level":"INFO","service":"edge","msg":"GET /order","trace_id":"5d9dc9f81818e811892f902bd23f0824","span_id":"00000000000000a1"}
{"time":"2026-03-01T12:00:00.007Z","level":"INFO","service":"checkout","msg":"order received","trace_id":"5d9dc9f81818e811892f902bd23f0824","span_id":"00000000000000a2","parent_span_id":"00000000000000a1"}
{"time":"2026-03-01T12:00:00.012Z","level":"INFO","service":"payment","msg":"charging card","trace_id":"5d9dc9f81818e811892f902bd23f0824","span_id":"00000000000000a4","parent_span_id":"00000000000000a3"}
{"time":"2026-03-01T12:00:00.015Z","level":"ERROR","service":"payment","msg":"payment declined","trace_id":"5d9dc9f81818e811892f902bd23f0824","span_id":"00000000000000a4","parent_span_id":"00000000000000a3"}
{"time":"2026-03-01T12:05:00Z","level":"WARN","service":"inventory","msg":"stock is low: a message that is much longer than forty columns of a terminal"}
END
app=$scratch/app.log

# Each view at each width: no line wraps, so the screen has the lines of the text.
for columns in 40 80 200; do
	for view in --histogram --histogram=1m --patterns '-F service' -N '-c' '-o table'; do
		# shellcheck disable=SC2086
		screen=$(see "${columns}x200" $view "$app")
		# A table that does not fit is a field a line, which may be longer than the screen.
		[ "$view" != "-o table" ] || [ "$columns" = 200 ] || continue
		# shellcheck disable=SC2086
		is "$view fits $columns columns" "$(wc -l <<<"$screen")" "$(lines_of $view "$app")"
	done
	for format in short short-iso pretty verbose json logfmt csv cat table 'template=<_time> <_msg>'; do
		like "-o ${format%% *} shows the message in $columns columns" \
			"$(see "${columns}x200" -o "$format" "$app" 'level:ERROR' | tr -d '\n')" 'payment declined'
	done
done
is "-F has shares and bars" "$(see 40x10 -F service "$app" | sed -n '1,2p')" "service    count   share
payment        2   40.0%  ██████████████"
is "a histogram has its zone and its empty steps" "$(see 40x20 --histogram=1m "$app")" "time UTC      hits
Mar 01 12:00     4  ████████████████████
           ⋮     0  4 times
       12:05     1  █████"
like "times are local" "$(TZ=Asia/Kolkata see 60x20 --histogram=1m "$app")" $'^time IST .*\nMar 01 17:30 '
is "-z is UTC" "$(TZ=Asia/Kolkata see 60x20 -z --histogram=1m "$app" | sed -n 1p)" "time UTC      hits"
is "a trace on 40 columns" "$(see 40x30 "$app" 'trace_id:* | trace')" "trace 5d9dc9f81818e811892f902bd23f0824
      Mar 01 12:00:00.005 UTC  10.0ms
      3 services, 1 error, 1 silent hop

service       offset  0           10.0ms
edge               0  ▏
  GET /order
  checkout    2.00ms     ▏
    order received
(silent)      7.00ms             ?
  no row of span 00000000000000a3
  payment     7.00ms             ██████
    FIRST ERROR payment declined"
like "and on 120 in a line a hop" "$(see 120x30 "$app" 'trace_id:* | trace')" \
	'payment +7.00ms +0 +█+ +FIRST ERROR payment declined'
like "--help fits 40 columns or wraps, and says all" "$(see 40x200 --help)" "Exit status"

# Without UTF-8 bars, dots and text are ASCII.
for view in --histogram=1m -F\ service --patterns; do
	# shellcheck disable=SC2086
	LC_ALL=C see 60x30 $view "$app" >/dev/null
	check "LC_ALL=C: $view is ASCII" bash -c "! LC_ALL=C grep -q '[^ -~[:cntrl:]]' '$raw'"
done
LC_ALL=C see 60x30 "$app" 'trace_id:* | trace' >/dev/null
check "LC_ALL=C: the trace is ASCII" bash -c "! LC_ALL=C grep -q '[^ -~[:cntrl:]]' '$raw'"
like "LC_ALL=C: a cut text ends in dots" "$(LC_ALL=C see 40x30 --patterns "$app")" '\.\.\.'
like "LC_ALL=C: bars are of #" "$(LC_ALL=C see 60x30 --histogram=1m "$app")" '12:00     4  ##########'
like "a locale that is not installed says UTF-8 all the same" \
	"$(term 60x30 env LC_ALL=xx_YY.UTF-8 "$bin/logq" --no-pager --histogram=1m "$app" </dev/null)" '█'

# Nothing in a log moves the cursor, changes colors or hides.
printf '{"time":"2026-03-01T12:00:00Z","level":"info","service":"a\\u001b[31mb","msg":"x\\u001b[2J\\u001b]0;owned\\u0007 \\u202eevil \\u200b\\u0008y\\rz","\\u001b[5mk":"v"}\n' >"$scratch/evil.log"
printf '{"time":"2026-03-01T12:00:01Z","level":"info","msg":"你好 e\xcc\x81 😀 שלום"}\n' >>"$scratch/evil.log"
for format in short short-iso pretty verbose json logfmt csv cat table 'template=<_msg> <service>'; do
	see 80x60 --color=never -o "$format" "$scratch/evil.log" >/dev/null
	check "-o ${format%% *}: no escape of a log reaches a terminal" bash -c "! grep -qP '\x1b|\x08|\x07|\x{202e}|\x{200b}' '$raw'"
	see 80x60 --color=always -o "$format" "$scratch/evil.log" >/dev/null
	check "-o ${format%% *}: nor with colors" bash -c "! sed 's/\x1b\[\(0\|2\|1;31\|3[236]\)m//g' '$raw' | grep -qP '\x1b|\x08|\x07'"
done
for view in '-F service' --patterns -N; do
	# shellcheck disable=SC2086
	see 80x60 --color=never $view "$scratch/evil.log" >/dev/null
	check "$view: no escape of a log reaches a terminal" bash -c "! grep -qP '\x1b|\x08|\x07|\x{202e}' '$raw'"
done
like "wide, combining and right-to-left text is shown" "$(see 80x20 -o cat "$scratch/evil.log" level:INFO)" $'你好 e\xcc\x81 😀 שלום'
is "columns of wide text are straight" "$(see 40x20 "$scratch/evil.log" '你好 | stats by (_msg) count() n')" \
	$'_msg            n\n你好 e\xcc\x81 😀 שלום  1'
is "without UTF-8 it is escaped" "$(LC_ALL=C see 80x20 -o cat "$scratch/evil.log" 你好)" '\u4f60\u597d e\u0301 \U0001f600 \u05e9\u05dc\u05d5\u05dd'
is "in a pipe bytes are as they are" "$("$bin/logq" -o cat "$scratch/evil.log" 你好)" $'你好 e\xcc\x81 😀 שלום'
check "also controls" bash -c "'$bin/logq' -o cat '$scratch/evil.log' evil | grep -qP '\x1b\[2J\x1b\]0;owned\x07'"

# Color: on a terminal, unless NO_COLOR, TERM=dumb or --color say else; the level is a word.
see 80x9 "$app" >/dev/null && check "a terminal has colors" has_escape
for setting in NO_COLOR=1 TERM=dumb; do
	like "$setting: the level is a word" "$(env "$setting" "$tools/ptyrun" -s 80x9 -o "$raw" "$bin/logq" --no-pager "$app" level:ERROR </dev/null)" ERROR
	check "$setting: no colors" bash -c "! grep -q $'\033' '$raw'"
done
see 80x9 --color=never "$app" >/dev/null
check "--color=never" bash -c "! grep -q $'\033' '$raw'"
NO_COLOR=1 see 80x9 --color=always "$app" >/dev/null && check "--color=always wins over NO_COLOR" has_escape
is "a pipe has none" "$("$bin/logq" "$app" | grep -c $'\033')" 0

# Errors: the caret is under the byte, also of a query that is wider than the screen.
long=$(printf 'word%02d ' {1..30})
screen=$(see 40x20 "$long" 'level:(' "$app")
is "an error is 2" "$?" 2
like "a long query is cut around the caret" "$screen" $'^….*level:\\(.*\n *\\^\nexpected '
caret=$(sed -n 2p <<<"$screen" | sed 's/\^.*//')
check "the caret is on the screen" test "${#caret}" -lt 40

for wrong in $'x \e[31m(' $'no\e[31m.log' $'-o\e[31m' "--server=unix:/$(printf '\033[31m')"; do
	see 80x20 "$wrong" >/dev/null
	check "an error does not repeat escapes: $(tr -d '\033' <<<"$wrong")" bash -c "! grep -q $'\033' '$raw'"
done

# A query that waits: progress on stderr, gone without a trace; stdout has rows only.
mkfifo "$scratch/slow"
feed_slowly() { # until the file `go` is there
	rm -f "$scratch/go"
	(
		exec >"$scratch/slow"
		echo '{"level":"info","msg":"none"}'
		until [ -e "$scratch/go" ]; do sleep 0.02; done
		echo '{"level":"error","msg":"error one"}'
	) &
}
feed_slowly
is "progress comes and goes" "$(term 40x10 sh -c "'$bin/logq' --no-pager -o cat - error <'$scratch/slow'; echo end" <<END
expect found
sh touch $scratch/go
expect end
END
)" "error one
end"
check "it was on the screen" grep -q $'\r\033\\[K.*0 found' "$raw"
feed_slowly
is "it is on stderr: stdout has rows only" "$(term 40x10 sh -c "'$bin/logq' -o cat - error <'$scratch/slow' >'$scratch/found'; cat '$scratch/found'" <<END
expect found
sh touch $scratch/go
gone found
END
)" "error one"
feed_slowly
is "Ctrl-C while it waits leaves a clean line" "$(term 40x10 bash -c "trap : INT; '$bin/logq' --no-pager - error <'$scratch/slow'; echo \"code \$?\"" <<END
expect found
send \\x03
expect code
END
)" "code 130"
touch "$scratch/go"

# -f with pipes that sum up: drawn in place, whatever the terminal's size becomes.
add() { # SERVICE… as a command for a step
	printf 'for s in %s; do echo "{\\"level\\":\\"info\\",\\"service\\":\\"$s\\",\\"msg\\":\\"new\\"}"; done >>%s' "$*" "$grow"
}
: >"$grow"
screen=$(
	term 50x12 bash -c "trap : INT; echo before; '$bin/logq' -f '* | stats by (service) count() n | sort by (service)' '$grow'; echo \"code \$?\"" <<END
expect last 10s: 0 rows
sh $(add a b)
expect last 10s: 2 rows
sh $(add a b c)
expect last 10s: 5 rows
show
send \\x03
expect code
END
)
is "-f with stats is drawn in place" "$(sed -n '1,5p' <<<"$screen" | sed 's/, [0-9:]*$//')" "before
service  n
a        2
b        2
c        1"
is "nothing scrolled, and after Ctrl-C there is a clean line" "$(grep -v '^last' <<<"$screen" | tail -n 5)" "service  n
a        2
b        2
c        1
code 130"
: >"$grow"
screen=$(
	term 50x24 bash -c "trap : INT; '$bin/logq' -f '* | stats by (service) count() n | sort by (service)' '$grow'; echo \"code \$?\"" <<END
expect last 10s: 0 rows
sh $(add a b c d e f g h)
expect last 10s: 8 rows
resize 30x6
expect 5 more lines
show
resize 60x20
expect last 10s: 8 rows
show
send \\x03
expect code
END
)
is "more rows than the screen has are counted" "$(sed '/====/,$d' <<<"$screen" | tail -n 5)" "service  n
a        1
b        1
c        1
5 more lines; last 10s: 8 row…"
is "larger again, all are there" "$(sed '1,/====/d' <<<"$screen" | sed -n '1,9p')" "service  n
a        1
b        1
c        1
d        1
e        1
f        1
g        1
h        1"
: >"$grow"
like "views are drawn while following, too" "$(
	term 60x24 "$bin/logq" -f -F service "$grow" <<END
expect last 10s: 0 rows
sh $(add a a a b)
expect 75.0%
show
send \\x03
END
)" 'a +3 +75.0% +█'

# The pager: only on a terminal, when there is something to show.
"$tools/loggen" --dir "$scratch/logs" --records 20000 --seed 5 >/dev/null
big=$scratch/logs/cart.log
first=$("$bin/logq" -m 1 -o cat "$big")
is "what fits the screen stays on it" "$(term 40x10 "$bin/logq" -m 1 -o cat "$big" </dev/null)" "$first"
term 80x6 "$bin/logq" -o cat "$big" >/dev/null <<END
expect lines 1-5
send q
END
is "quitting less is no error" "$?" 0
term 80x6 "$bin/logq" -o cat "$big" >/dev/null <<END
expect lines 1-5
insist \\x03
END
is "Ctrl-C in less is 130" "$?" 130
# A pager that takes no notice of Ctrl-C goes on showing until it is quit.
cat >"$scratch/pager" <<'END'
#!/bin/sh
trap '' INT
head -n 2
echo "page"
read -r key </dev/tty
echo "left"
END
chmod +x "$scratch/pager"
screen=$(
	LOGQ_PAGER=$scratch/pager PAGER=nothing term 80x9 "$bin/logq" -o cat "$big" <<END
expect page
send \\x03
send q\\r
expect left
END
)
is "Ctrl-C does not take the screen from a pager" "$?" 130
like "LOGQ_PAGER goes before PAGER" "$screen" page
LOGQ_PAGER=$scratch/pager term 80x9 "$bin/logq" -o cat "$big" >/dev/null <<END
expect page
send q\\r
expect left
END
is "a pager that is quit is no error" "$?" 0
is "PAGER is used" "$(PAGER='sed s/^/paged:/' term 40x10 "$bin/logq" -m 1 -o cat "$big" </dev/null)" "paged:$first"
for no in LOGQ_PAGER= PAGER= PAGER=cat TERM=dumb; do
	is "$no means none" "$(env PAGER='sed s/^/paged:/' "$no" "$tools/ptyrun" -s 40x10 "$bin/logq" -m 1 -o cat "$big" </dev/null)" "$first"
done
is "--no-pager" "$(PAGER='sed s/^/paged:/' see 40x10 -m 1 -o cat "$big")" "$first"
is "nor in a pipe" "$(PAGER='sed s/^/paged:/' "$bin/logq" -m 1 -o cat "$big")" "$first"
like "a pager that is not there: rows are shown all the same" \
	"$(PAGER=no-such-pager term 60x10 "$bin/logq" -m 1 -o cat "$big" </dev/null)" "no-such-pager: not found.*$first"
mkdir "$scratch/path"
ln -s "$(command -v cat)" "$(command -v sh)" "$scratch/path/"
is "no less on this machine" "$(PATH=$scratch/path "$tools/ptyrun" -s 40x10 "$bin/logq" -m 1 -o cat "$big" </dev/null)" "$first"
is "none found: no pager, and 1" "$(PAGER='sed s/^/paged:/' term 40x10 sh -c "'$bin/logq' no-such-word-at-all '$big'; echo code \$?" </dev/null)" "code 1"

# Quitting the pager ends the query on the server, which has room for one.
"$bin/shipper" --once --state "$scratch/state" --to "dir://$scratch/bus" "$scratch/logs/*.log" >/dev/null
cat >"$scratch/agg.yaml" <<END
source: {from: 'dir://$scratch/bus'}
store: {path: $scratch/store}
limits: {queries: 1}
END
start server "$bin/aggregator" --config "$scratch/agg.yaml" --listen 127.0.0.1:0
server=unix:$scratch/store/aggregator.sock
ask() { "$bin/logq" -S @0 --server "$server" "$@"; }
indexed() { [ "$(ask -c)" -ge 20000 ]; }
wait_for 30 "the server has indexed" indexed
term 80x6 "$bin/logq" -S @0 --server "$server" -o json >/dev/null <<END
expect lines 1-5
sh ! $bin/logq -S @0 --server $server -c >$scratch/refused 2>&1
send q
END
is "quitting the pager of a server's answer" "$?" 0
like "the query was running until then" "$(cat "$scratch/refused")" "queries are running"
wait_for 10 "and has ended on the server" indexed
stop server
done_testing
