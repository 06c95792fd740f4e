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
is "a directory in a glob is passed over" "$(logq -c '*' ./*)" 3
is "… written without ./ as well" "$(cd .. && logq -c '*' in/*)" 3
(cd .. && logq -c '*' in/* >/dev/null)
is "… and makes it partial" $? 3
is "a file that is gone: the others" "$(logq -c '*' ./gone.log ./a.log)" 2
like "… and says which" "$(err)" 'gone\.log: No such file'
logq '*' ./gone.log ./gone-too.log
is "none of the files is there: an error" $? 2
logq '*' ./old.d
is "a directory alone: an error" $? 2
like "… that says what to do" "$(err)" "is a directory: name its files"
if [ "$(id -u)" = 0 ]; then
	skip "a file that may not be read" "root reads everything"
else
	chmod 000 b.log
	is "a file that may not be read: the others" "$(logq -c '*' ./a.log ./b.log)" 2
	chmod 600 b.log
fi

# Pipes can be read once: a sub-query is an error, not an empty answer.
mkfifo "$scratch/pipe"
cat a.log >"$scratch/pipe" &
is "a named pipe" "$(logq -c 'level:ERROR' "$scratch/pipe")" 1
is "two pipes" "$(logq -c '*' <(cat a.log) <(cat b.log))" 3
sub='level:in(level:ERROR | fields level)'
logq "$sub" <(cat a.log)
is "a sub-query on a pipe is an error" $? 2
like "… that says what to do" "$(err)" "can be read once: a query with a sub-query needs a file"
logq "$sub" - <a.log
is "… on standard input as well" $? 2
is "… not on a file" "$(logq -c "$sub" a.log)" 1
"$bin/shipper" --once --state "$scratch/state" --to "dir://$scratch/bus" a.log >/dev/null
logq --bus "dir://$scratch/bus" "$sub"
is "… on a bus as well" $? 2

# Ctrl-C while nobody writes into a pipe.
mkfifo "$scratch/silent"
start logq "$bin/logq" -c '*' "$scratch/silent"
interrupt() { kill -INT "${pids[logq]}" 2>/dev/null; has_ended "${pids[logq]}"; }
wait_for 10 "Ctrl-C ends the wait" interrupt
reap logq
is "… with status 130" "$status" 130
done_testing
