# lib.sh - what each gate sources: one line of TAP a check over the tree.
#
#	. tests/gates/lib.sh
#	grep -rn strcpy common | gate "no strcpy"     # ok when nothing comes in
#
# A gate runs at the top of the tree.

# gate NAME <problems: one a line; none = ok.
gate() {
	local problems
	problems=$(cat)
	if [ -z "$problems" ]; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		sed 's/^/# /' <<<"$problems"
	fi
}

# skip NAME REASON
skip() {
	echo "ok - $1 # SKIP $2"
}

sources() {
	git ls-files -co --exclude-standard -- '*.c' '*.h'
}
