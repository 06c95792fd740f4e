#!/usr/bin/env bash
# What the build itself promises: a second make does nothing, release binaries
# are hardened, and install puts each file where packages expect it.
. tests/gates/lib.sh

O=${O:-build/release}
make MODE=release SAN= all 2>&1 | grep -E '^  (CC|AR|LD|SO) ' | head -n 5 |
	gate "a second make has nothing to do"

for program in shipper aggregator logq; do
	binary=$O/bin/$program
	[ -e "$binary" ] || { echo "$binary is missing"; continue; }
	readelf -lW "$binary" | grep -q GNU_RELRO || echo "$program: no RELRO"
	readelf -dW "$binary" | grep -q BIND_NOW || readelf -dW "$binary" | grep -q 'FLAGS.*NOW' || echo "$program: not bound at start"
	readelf -hW "$binary" | grep -q 'DYN' || echo "$program: not position independent"
	readelf -sW "$binary" | grep -q '__stack_chk_fail' || echo "$program: no stack protector"
	readelf -sW "$binary" | grep -qE '_chk@' || echo "$program: no _FORTIFY_SOURCE"
done | gate "release binaries are hardened"
