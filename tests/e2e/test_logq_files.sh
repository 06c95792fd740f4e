#!/usr/bin/env bash
# Files as they come: damaged, gone, a directory, a pipe, in other encodings.  What
# can be read is answered, the exit status is 3 where something could not.
. "$(dirname "$0")/lib.sh"

logq() { timeout 20 "$bin/logq" "$@" 2>"$scratch/logq.err"; }
err() { cat "$scratch/logq.err"; }

mkdir -p "$scratch/in/old.d"
printf '{"level":"error","msg":"one"}\n{"level":"info","msg":"two"}\n' >"$scratch/in/a.log"
printf '{"level":"error","msg":"three"}' >"$scratch/in/b.log"
: >"$scratch/in/empty.log"
printf '\x1f\x8b\x08' >"$scratch/in/cut.gz"

# A glob in which not everything can be read.
cd "$scratch/in" || exit 1
is "what can be read is counted" "$(logq -c '*' ./*.log ./cut.gz)" 3
logq -c '*' ./*.log ./cut.gz >/dev/null
is "a damaged file: partial" $? 3
like "… and says which" "$(err)" 'cut\.gz: '
is "an empty directory in a glob is nothing" "$(logq -c '*' ./*)" 3
is "… written without ./ as well" "$(cd .. && logq -c '*' in/*)" 3
(cd .. && logq -c '*' in/* >/dev/null)
is "… and makes it partial" $? 3
is "a file that is gone: the others" "$(logq -c '*' ./gone.log ./a.log)" 2
like "… and says which" "$(err)" 'gone\.log: No such file'
logq '*' ./gone.log ./gone-too.log
is "none of the files is there: an error" $? 2
logq '*' ./old.d
is "an empty directory alone: an error" $? 2
like "… that says why" "$(err)" "there are no log files in"
if [ "$(id -u)" = 0 ]; then
	skip "a file that may not be read" "root reads everything"
else
	chmod 000 b.log
	is "a file that may not be read: the others" "$(logq -c '*' ./a.log ./b.log)" 2
	chmod 600 b.log
fi

# UTF-16, as Windows writes it.
text=$'{"level":"error","msg":"h\u00e4llo \U0001f600"}\r\nplain \u20ac'
for order in LE BE; do
	{ [ $order = LE ] && printf '\xff\xfe' || printf '\xfe\xff'; printf %s "$text" | iconv -f UTF-8 -t UTF-16$order; } >"u16.log"
	is "UTF-16$order" "$(logq -o cat '*' u16.log)" $'h\u00e4llo \U0001f600\nplain \u20ac'
	is "… its fields" "$(logq -c level:ERROR - <u16.log)" 1
done
head -c 25 u16.log >odd.log
is "half a character at the end" "$(logq -c '*' ./odd.log)" 1

# What comes through a pipe is kept where a query looks twice.
mkfifo "$scratch/pipe"
cat a.log >"$scratch/pipe" &
is "a named pipe" "$(logq -c 'level:ERROR' "$scratch/pipe")" 1
is "two pipes" "$(logq -c '*' <(cat a.log) <(cat b.log))" 3
sub='level:in(level:ERROR | fields level)'
is "a sub-query on a pipe" "$(logq -c "$sub" <(cat a.log))" 1
is "… on standard input" "$(cat a.log | logq -c "$sub" -)" 1
is "… that is packed" "$(gzip -c a.log | logq -c "$sub" -)" 1
is "… on several" "$(cat a.log | logq -c "$sub" - <(cat b.log) b.log)" 3
is "… on a file" "$(logq -c "$sub" a.log)" 1
is "context on standard input" "$(cat a.log | logq -o cat -A 1 one -)" $'one\ntwo'
seq 100000 >numbers.log
is "context of lines without a time" "$(logq -o cat -C 2 70000 numbers.log | paste -sd' ')" "69998 69999 70000 70001 70002"
"$bin/shipper" --once --state "$scratch/state" --to "dir://$scratch/bus" a.log >/dev/null
is "a sub-query on a bus" "$(logq -c --bus "dir://$scratch/bus" "$sub")" 1
TMPDIR=$scratch/nowhere logq "$sub" - <a.log
is "nowhere to keep it: partial" $? 3
like "… says so" "$(err)" "no temporary file in"

# Ctrl-C while nobody writes into a pipe.
mkfifo "$scratch/silent"
start logq "$bin/logq" -c '*' "$scratch/silent"
interrupt() { kill -INT "${pids[logq]}" 2>/dev/null; has_ended "${pids[logq]}"; }
wait_for 10 "Ctrl-C ends the wait" interrupt
reap logq
is "… with status 130" "$status" 130
done_testing
