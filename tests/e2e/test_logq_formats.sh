#!/usr/bin/env bash
# logq -o: templates, and what csv, logfmt, json and cat make of hostile text, byte
# for byte in a pipe; what a terminal sees of it is in test_logq_terminal.sh.
. "$(dirname "$0")/lib.sh"
need jq

app=$scratch/app.log
logq() { timeout 60 "$bin/logq" "$@" 2>"$scratch/logq.err"; }
err() { cat "$scratch/logq.err"; }
cat >"$app" <<'END'
{"time":"2026-03-01T12:00:00Z","level":"info","msg":"say \"hi\", a=b","service":"cart","http":{"status":402,"path":"/p q"},"took_ms":"1500"}
{"time":"2026-03-01T12:00:01Z","level":"error","msg":"one\ntwo\r\tthree","service":"a,b","e":"","u":"\u001b[31mred\u202e\u200b\u009b \\ end"}
END
first=(-m 1 "$app")

# -o template=…
template() { logq -o "template=$1" "${first[@]}"; }
is "text and fields" "$(template '<_time> [<level>] <_msg>')" '2026-03-01T12:00:00.000000000Z [INFO] say "hi", a=b'
is "a nested field" "$(template '<http.status>@<http.path>')" '402@/p q'
is "a field that isn't there is empty" "$(template '<nothing>|<service>')" '|cart'
is "text alone" "$(template 'row')" row
is "nothing at all is an empty line" "$(template '')" ''
is "options of format" "$(template '<uc:service> <q:_msg> <hexencode:level>')" 'CART "say \"hi\", a=b" 494E464F'
is "< is &lt;" "$(template '&lt;b&gt; <service> &lt;/b&gt;')" '<b> cart </b>'
is "a tab is a tab" "$(template $'<level>\t<service>')" $'INFO\tcart'
is "bytes go out as they are" "$(logq -o 'template=<u>' "$app" | tail -n 1)" $'\033[31mred\u202e\u200b\u009b \\ end'
is "each row is a line" "$(logq -o 'template=<level>' "$app" | paste -sd' ')" "INFO ERROR"
is "rows of stats too" "$(logq -o 'template=<service>: <n>' '* | stats by (service) count() n | sort by (service)' "$app" | paste -sd' ')" "a,b: 1 cart: 1"
template '<level' >"$scratch/out"
is "a field without its end is 2" $? 2
like "and said" "$(err)" "-o template: no '>' ends the field \`<level\`"
template '<nosuch:level>' >"$scratch/out"
is "an option that there isn't is 2" $? 2
like "and said" "$(err)" "-o template: \`nosuch:\` is no way to format a field; there are base64decode"
is "nothing was printed" "$(cat "$scratch/out")" ""

# csv, RFC 4180: quotes are doubled, and what has a comma, a quote or a line end is quoted.
logq -o csv '* | fields _msg, service, e' "$app" >"$scratch/csv"
printf '_msg,service,e\n"say ""hi"", a=b",cart,\n"one\ntwo\r\tthree","a,b",\n' >"$scratch/expected"
check "csv" cmp "$scratch/csv" "$scratch/expected"
if command -v python3 >/dev/null; then
	is "csv as others read it" "$(python3 -c 'import csv, sys
print([row[0] for row in csv.reader(open(sys.argv[1], newline=""))][1:])' "$scratch/csv")" "['say \"hi\", a=b', 'one\\ntwo\\r\\tthree']"
fi

# logfmt: quoted where it could be read as something else, on one line.
is "logfmt" "$(logq -o logfmt '* | fields _msg, service, http.path, e' "$app")" '_msg="say \"hi\", a=b" service=cart http.path="/p q"
_msg="one\ntwo\r\tthree" service=a,b'
is "logfmt reads itself" "$(logq -o logfmt '* | fields service, _msg' "$app" | logq -o json '* | fields _msg' - | jq -r ._msg | head -n 1)" 'say "hi", a=b'

# json: valid, whole, a line a row.
is "json keeps every byte" "$(logq -o json "$app" | jq -s '.[1].u' )" "$(sed -n 2p "$app" | jq .u)"
is "json is a line a row" "$(logq -o json "$app" | wc -l)" 2
is "json of empty fields has none" "$(logq -o json "$app" | jq -s '.[1] | has("e")')" false
is "what json writes is read" "$(logq -o json "$app" | logq -o json - | jq -S 'del(._stream, ._stream_id)' | cksum)" "$(logq -o json "$app" | jq -S 'del(._stream, ._stream_id)' | cksum)"
is "cat" "$(logq -o cat "$app")" "$(jq -r .msg "$app")"
is "cat of rows without a message" "$(logq -o cat '* | fields service, level' "${first[@]}")" $'cart\tINFO'
for format in short short-iso pretty verbose table; do
	check "$format prints each row" test "$(logq -o $format "$app" | grep -c -e 'say "hi"' -e 'one')" -ge 2
done
done_testing
