# lib.sh - what each end-to-end test sources: binaries, scratch, daemons, TAP.
#
#	. "$(dirname "$0")/lib.sh"
#	start shipper "$bin/shipper" --state "$scratch/state" --to "dir://$scratch/bus" "$scratch/*.log"
#	wait_for 10 "records are indexed" records_are_there
#	stop shipper
#	is "exit code of the shipper" "$status" 0
#	done_testing
#
# $O is the build directory (default build/release).  Everything started here is
# killed and $scratch is removed when the script ends (KEEP=1 keeps it); when a
# check failed, the ends of the daemons' outputs are shown.
set -u

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
O=${O:-build/release}
case $O in /*) ;; *) O=$top/$O ;; esac
bin=$O/bin
tools=$O/tools
scratch=$(mktemp -d "${TMPDIR:-/tmp}/sluice-e2e.XXXXXX")
export XDG_CONFIG_HOME=$scratch HOME=${HOME:-/}

tap_count=0
tap_failed=0
tap_ended=
status=0
declare -A pids=()

diag() {
	sed 's/^/# /' <<<"$*"
}

ok() { # NAME
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1"
}

not_ok() { # NAME [WHAT WAS SEEN]
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_count - $1"
	[ $# -lt 2 ] || diag "${@:2}"
}

# check NAME COMMAND…: ok when it succeeds; its output is shown when not.
check() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$* exited $?" "$output"; fi
}

# is NAME GOT WANTED
is() {
	if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got:    $2" "wanted: $3"; fi
}

# like NAME TEXT REGEX (bash, extended)
like() {
	if [[ $2 =~ $3 ]]; then ok "$1"; else not_ok "$1" "got: $2" "does not match: $3"; fi
}

# skip NAME REASON: this one check.
skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# skip_all REASON: the whole script; before any check.
skip_all() {
	echo "1..0 # SKIP $1"
	tap_ended=1
	exit 0
}

bail_out() { # WHY
	not_ok "$1"
	done_testing
}

done_testing() {
	echo "1..$tap_count"
	tap_ended=1
	[ "$tap_failed" -eq 0 ]
	exit
}

# start NAME COMMAND…: in the background, output to $scratch/NAME.out and .err.
# Started again under the same name it appends.
start() {
	local name=$1
	shift
	"$@" </dev/null >>"$scratch/$name.out" 2>>"$scratch/$name.err" 8>&- &
	pids[$name]=$!
}

pid_of() { # NAME
	echo "${pids[$1]:-}"
}

running() { # NAME
	[ -n "${pids[$1]:-}" ] && kill -0 "${pids[$1]}" 2>/dev/null
}

# reap NAME: wait for its end; the exit code is in $status.
reap() {
	wait "${pids[$1]}" 2>/dev/null
	status=$?
	unset "pids[$1]"
}

# stop NAME [SECONDS]: SIGTERM, and SIGKILL when it has not ended then (default 10).
stop() {
	local pid=${pids[$1]:-} patience=${2:-10}
	[ -n "$pid" ] || return 0
	kill -TERM "$pid" 2>/dev/null
	poll_until "$patience" has_ended "$pid" || kill -KILL "$pid" 2>/dev/null
	reap "$1"
}

# kill9 NAME: SIGKILL, and wait until it is gone.
kill9() {
	kill -KILL "${pids[$1]}" 2>/dev/null
	reap "$1"
}

has_ended() { # PID: gone, or a zombie that waits for our wait
	local state
	state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) || return 0
	[ "${state%% *}" = Z ]
}

# poll_until SECONDS COMMAND…: until it succeeds; false when the time is over.
poll_until() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

# wait_for SECONDS WHAT COMMAND…: as a check; ends the test when it never comes,
# because what follows could only fail too.
wait_for() {
	local seconds=$1 what=$2
	shift 2
	poll_until "$seconds" "$@" || bail_out "$what: not within $seconds s"
	ok "$what"
}

# free_port: a TCP port of 127.0.0.1 that was free just now.
free_port() {
	python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# need PROGRAM…: skip the whole script where one is missing.
need() {
	local program
	for program in "$@"; do
		command -v "$program" >/dev/null || skip_all "$program is not installed"
	done
}

# kafka COMMAND…: tests/kafka/kafka.sh.  Its ports are the same for every script, so
# this one waits until no other uses them; they are free again when it ends.
kafka() {
	[ -e "/proc/$$/fd/8" ] || exec 8>"${TMPDIR:-/tmp}/sluice-kafka-$(id -u).lock"
	flock 8
	"$top/tests/kafka/kafka.sh" "$@" 8>&-
}

show_outputs() {
	local file
	for file in "$scratch"/*.err "$scratch"/*.out; do
		[ -s "$file" ] || continue
		echo "# --- $(basename "$file")"
		tail -n 15 "$file" | cut -c 1-300 | sed 's/^/# /'
	done
}

clean_up() {
	local pid
	for pid in ${pids[@]+"${pids[@]}"}; do
		kill -KILL "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	if [ -z "$tap_ended" ]; then
		echo "not ok $((tap_count + 1)) - the script ended early"
		tap_failed=1
	fi
	[ "$tap_failed" -eq 0 ] || show_outputs
	if [ -n "${KEEP:-}" ]; then echo "# kept: $scratch"; else rm -rf "$scratch"; fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM
