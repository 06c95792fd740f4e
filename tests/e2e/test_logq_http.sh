#!/usr/bin/env bash
# logq --server: how an address is written, and servers that answer what no
# aggregator would: pages, nothing, half of it, later.
. "$(dirname "$0")/lib.sh"
need python3

# /NAME/api/v1/… behaves as NAME says; the first line of each request is written down.
cat >"$scratch/server.py" <<'PY'
import http.server, sys, threading
row = b'{"_time":"2026-03-01T12:00:00Z","_msg":"hello","host":"%s"}\n'
end = b'{"_end":{"rows":1,"rows_scanned":1,"partial":false}}\n'
asked = {}
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass
    def reply(self, status, body, kind="application/x-ndjson", length=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        name = self.path.split("/")[1]
        turn = asked[name] = asked.get(name, 0) + 1
        host = row % self.headers["Host"].encode()
        page = b"<html>\n<head><title>502 Bad Gateway</title></head>\n</html>\n"
        if name == "page":
            self.reply(502, page, "text/html")
        elif name == "nothing":
            self.reply(503, b"")
        elif name == "text":
            self.reply(403, b"go away\n", "text/plain")
        elif name == "why":
            self.reply(429, b'{"error":"4 queries are running: try again later"}\n')
        elif name == "half":
            self.reply(200, host, length=1000)
        elif name == "garbage":
            self.reply(200, b"what?\n")
        elif name == "wakes" and turn == 2:  # a proxy whose aggregator restarts
            self.reply(502, page, "text/html")
        else:
            self.reply(200, host + (b"" if name == "wakes" else end))
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
open(sys.argv[1], "w").write(str(server.server_port))
server.serve_forever()
PY
start server python3 "$scratch/server.py" "$scratch/port"
wait_for 10 "the server is there" test -s "$scratch/port"
port=$(cat "$scratch/port")
ask() { timeout 30 "$bin/logq" -S @0 -o json --server "$@" 2>"$scratch/logq.err"; }
err() { cat "$scratch/logq.err"; }
says() { # NAME ADDRESS STATUS REGEX
	ask "$2" >/dev/null
	like "$1" "$? $(err)" "^$3 logq: $4\$"
}

# Addresses.
row='"_msg":"hello"'
like "http://HOST:PORT" "$(ask "http://127.0.0.1:$port")" "$row.*\"host\":\"127.0.0.1:$port\""
like "with a slash" "$(ask "http://127.0.0.1:$port/")" "$row"
like "with the path of a proxy" "$(ask "http://127.0.0.1:$port/under/logs/")" "$row"
like "HOST:PORT, with a path" "$(ask "localhost:$port/logs")" "\"host\":\"localhost:$port\""
says "TLS is for a tunnel" "https://localhost:$port" 2 ".*TLS is not spoken here: tunnel to it.*"
says "another scheme" "ftp://localhost:$port" 2 ".*expected http://HOST:PORT or unix:PATH"
says "no port" localhost 2 ".*the port is missing, as in localhost:9599"
says "no host" ":$port" 2 ".*expected http://HOST:PORT or unix:PATH"
says "IPv6 without brackets" "::1:$port" 2 ".*an IPv6 address is written \[::1\]:PORT"
says "IPv6" "http://[::1]:1" 2 "::1 port 1: .*"
says "a port that is none" localhost:99999 2 ".*the port is a number from 1 to 65535"
says "a password" "me:secret@localhost:$port" 2 ".*names and passwords are not sent"
says "a path that would end the line" "localhost:$port/a b" 2 ".*the path can't be sent: percent-encode it"
says "nobody there" localhost:1 2 "localhost port 1: Connection refused; is the aggregator running\?"
for form in "unix:$scratch/none" "unix://$scratch/none" "$scratch/none"; do
	says "no socket: ${form%%/*}" "$form" 2 "$scratch/none: No such file or directory; is the aggregator running\?"
done
says "an abstract socket" "unix:@sluice-nobody-$$" 2 "@sluice-nobody-$$: Connection refused.*"

# Answers.
at=127.0.0.1:$port
says "a page is not shown" "$at/page" 2 "the server answers 502 for /api/v1/query; is an aggregator there\?"
says "no body" "$at/nothing" 2 "the server answers 503 for /api/v1/query; is an aggregator there\?"
says "a text is" "$at/text" 2 "the server answers 403 for /api/v1/query: go away; is an aggregator there\?"
says "a reason stands alone" "$at/why" 2 "4 queries are running: try again later"
says "no rows" "$at/garbage" 2 "a row of the answer is no JSON"
says "half an answer" "$at/half" 2 "the server cut the answer short.*"
like "… whose rows are shown" "$(ask "$at/half")" "$row"
ask "$at/x" --server "$at/page" >"$scratch/some"
like "one of two that is bad: partial" "$? $(cat "$scratch/some")" "^3 .*$row"
like "… and named" "$(err)" "$at/page: the server answers 502"

# -f goes on through what passes.
start tail "$bin/logq" -f -S @0 -o json --server "$at/wakes"
again() { grep -q "connected again" "$scratch/tail.err"; }
wait_for 10 "a tail waits for a server behind a proxy" again
like "and says why it waits" "$(cat "$scratch/tail.err")" "trying again"
kill9 tail
done_testing
