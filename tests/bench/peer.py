#!/usr/bin/env python3
"""peer.py PEER [ROWS [RUNS]] - Sluice beside a VictoriaLogs executable, in one run.

The same rows (bench_index --write: eight services, random trace and span ids) go
into both, three times in turn, each time into an empty store: into the aggregator
from a directory bus that the shipper filled before, into the peer by an HTTP
request a service, all at a time.  Ingest ends when a query sees all rows.  Then
each query is asked of both over HTTP on 127.0.0.1, in turn so that a noisy machine
is noisy for both; the best of RUNS counts, with the answer read whole.  Answers that
differ end the benchmark: a fast wrong answer is no figure.

    bench: peer_NAME OURS UNIT (peer THEIRS UNIT, ratio OURS/THEIRS)

Both run with their defaults.  The aggregator also indexes what the shipper adds to
each record (log.file, log.offset, a label), which the peer is not given.
"""
import concurrent.futures
import http.client
import json
import math
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.parse

BUILD = pathlib.Path(os.environ.get("O", "build/release")).resolve()
INGEST_RUNS = 3
QUIET_S = 15  # the peer keeps rows in memory for up to ten
PATIENCE_S = 300
TICKS = os.sysconf("SC_CLK_TCK")

# What is asked, and the fields of the answer that must be the same.  Not compared are the
# approximate quantile, and which ten rows are the first ten that come.
QUERIES = [
    ("needle", "trace_id:=NEEDLE", ["span_id", "_msg"]),
    ("count_level", "level:=ERROR | count() n", ["n"]),
    ("phrase", '"cache miss" | count() n', ["n"]),
    ("regex", '_msg:~"user [0-9]+7," | count() n', ["n"]),
    ("range", "user_id:range[1000, 5000] | count() n", ["n"]),
    ("float_range", "duration_ms:range(100.5, 120.25) | count() n", ["n"]),
    ("ipv4_range", "client_ip:ipv4_range(10.0.1.0, 10.0.1.255) | count() n", ["n"]),
    ("stats_2", "* | stats by (service, level) count() n", ["service", "level", "n"]),
    ("p99", "* | stats by (service) quantile(0.99, duration_ms) q", ["service"]),
    ("facets", "* | facets | filter field_name:=level", ["field_name", "field_value", "hits"]),
    ("hits_minute", "* | stats by (_time:1m) count() n", ["n"]),
    ("count_uniq_trace", "* | stats count_uniq(trace_id) n", ["n"]),
    ("top_trace", "* | stats by (trace_id) count() n | sort by (n desc) limit 5", ["n"]),
    ("last_100", "level:=ERROR | sort by (_time desc) limit 100", ["span_id"]),
    ("patterns", "* | collapse_nums at _msg | top 10 by (_msg)", ["_msg", "hits"]),
    ("word_any_case", "i(Accepted) | count() n", ["n"]),
    ("regex_either", '_msg:~"sku-12|user 77" | count() n', ["n"]),
    ("limit_10", "* | limit 10", []),
    ("one_minute", "_time:2026-03-01T12:00Z | stats by (level) count() n", ["level", "n"]),
]


def die(*words):
    sys.exit("peer.py: " + " ".join(str(w) for w in words))


def say(name, ours, theirs, unit, digits):
    print(f"bench: peer_{name} {ours:.{digits}f} {unit} "
          f"(peer {theirs:.{digits}f} {unit}, ratio {ours / theirs:.2f})", flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A daemon, and the one connection on which it is asked."""

    def __init__(self, argv, log):
        self.port = free_port()
        command = [str(a).replace("PORT", str(self.port)) for a in argv]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=log, stderr=subprocess.STDOUT)
        self.http = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def get(self, path, body=None):
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        self.http.request("POST" if body else "GET", path, body, headers)
        answer = self.http.getresponse()
        text = answer.read()
        if answer.status != 200:
            die(path, body, answer.status, text.decode()[:500])
        return text

    def query(self, body):
        return self.get("/select/logsql/query", body)

    def count(self):
        """How many rows a query sees; -1 while nobody listens."""
        try:
            return int(json.loads(self.query("query=*+|+count()+n").splitlines()[0])["n"])
        except (ConnectionError, http.client.HTTPException):
            self.http.close()
            if self.process.poll() is not None:
                die(self.process.args[0], "ended with", self.process.returncode)
            return -1

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def peak_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE_S)


def wait_until(what, ready):
    end = time.monotonic() + PATIENCE_S
    while not ready():
        if time.monotonic() > end:
            die(what + ":", "not within", PATIENCE_S, "s")
        time.sleep(0.02)


def disk_bytes(folder):
    """What its files hold; those that a merge removes meanwhile count as nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        total += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return total


class Bench:
    def __init__(self, peer, rows, scratch):
        self.peer, self.scratch = peer, scratch
        self.log = open(scratch / "log", "w")
        (scratch / "rows").mkdir()
        told = subprocess.run([BUILD / "bench/bench_index", "--write", scratch / "rows", str(rows)],
                              check=True, capture_output=True, text=True).stdout
        told = dict(line.split() for line in told.splitlines())
        self.rows, self.needle = int(told["rows"]), told["needle"]
        self.files = sorted((scratch / "rows").iterdir())
        self.text_bytes = sum(f.stat().st_size for f in self.files)

    def ship(self):
        """Onto the bus, before the aggregator starts: not a part of its figures."""
        subprocess.run([BUILD / "bin/shipper", "--once", "--state", self.scratch / "state",
                        "--to", f"dir://{self.scratch}/bus", *self.files],
                       check=True, stdout=self.log, stderr=self.log)

    def open_ours(self):
        return Server([BUILD / "bin/aggregator", "--from", f"dir://{self.scratch}/bus",
                       "--store", self.scratch / "ours", "--listen", "127.0.0.1:PORT"], self.log)

    def open_theirs(self):
        return Server([self.peer, f"-storageDataPath={self.scratch}/theirs",
                       "-httpListenAddr=127.0.0.1:PORT", "-retentionPeriod=100y",
                       "-futureRetention=100y"], self.log)

    def post(self, port, path):
        subprocess.run(["curl", "-sSf", "-H", "Content-Type: application/stream+json",
                        "--data-binary", f"@{path}",
                        f"http://127.0.0.1:{port}/insert/jsonline?_stream_fields=service"
                        f"&extra_fields=service={path.stem}&_time_field=timestamp"
                        "&_msg_field=message"], check=True)

    def post_all(self, server):
        with concurrent.futures.ThreadPoolExecutor(len(self.files)) as pool:
            list(pool.map(lambda path: self.post(server.port, path), self.files))
        server.get("/internal/force_flush")

    def fill(self, server, feed):
        """Until a query sees all rows: {rows/s, rows per core-second, peak MiB}."""
        began = time.monotonic()
        feed(server)
        wait_until("all rows", lambda: server.count() == self.rows)
        seconds = time.monotonic() - began
        return {"rows_per_second": self.rows / seconds,
                "rows_per_core_second": self.rows / server.cpu_s(), "mib": server.peak_mib()}

    def fill_ours(self):
        shutil.rmtree(self.scratch / "ours", ignore_errors=True)
        server = self.open_ours()
        return server, self.fill(server, lambda _: None)

    def fill_theirs(self):
        shutil.rmtree(self.scratch / "theirs", ignore_errors=True)
        server = self.open_theirs()
        wait_until("the peer", lambda: server.count() >= 0)
        return server, self.fill(server, self.post_all)

    def ingest(self):
        """Both, INGEST_RUNS times, in turn; the last two stay open."""
        best, servers = [{}, {}], [None, None]
        for run in range(INGEST_RUNS):
            for i, fill in enumerate((self.fill_ours, self.fill_theirs)):
                if servers[i]:
                    servers[i].close()
                servers[i], figures = fill()
                better = {k: min if k == "mib" else max for k in figures}
                best[i] = {k: better[k](v, best[i].get(k, v)) for k, v in figures.items()}
        for key, unit, digits in (("rows_per_second", "rows/s", 0),
                                  ("rows_per_core_second", "rows/s", 0)):
            say("ingest_" + key, best[0][key], best[1][key], unit, digits)
        say("ingest_rss", best[0]["mib"], best[1]["mib"], "MiB", 0)
        return servers

    def settle(self, peer):
        """Until merges in the background have ended: no file is changed for QUIET_S."""
        folders = [self.scratch / "ours", self.scratch / "theirs"]
        seen, since = None, time.monotonic()

        def quiet():
            nonlocal seen, since
            now = [disk_bytes(f) for f in folders]
            if now != seen or merges(peer):
                seen, since = now, time.monotonic()
            return time.monotonic() - since > QUIET_S
        wait_until("merges", quiet)
        say("disk", seen[0] / self.rows, seen[1] / self.rows, "B/row", 1)
        say("compression", self.text_bytes / seen[0], self.text_bytes / seen[1], "x", 1)

    def ask(self, name, text, fields, servers, runs):
        body = urllib.parse.urlencode({"query": text.replace("NEEDLE", self.needle)})
        best, answers = [math.inf, math.inf], [None, None]
        for _ in range(runs):
            for i, server in enumerate(servers):
                began = time.perf_counter()
                answers[i] = server.query(body)
                best[i] = min(best[i], time.perf_counter() - began)
        ours, theirs = (tuples(answer, fields) for answer in answers)
        if ours != theirs or not ours:
            die(name, "has two answers:", f"{len(ours)} and {len(theirs)} rows, first",
                *[a[:3] for a in (ours, theirs)])
        say(name, best[0] * 1e3, best[1] * 1e3, "ms", 2)


def merges(peer):
    """How many merges the peer has at work."""
    return sum(float(line.split()[-1]) for line in peer.get("/metrics").decode().splitlines()
               if line.startswith("vl_active_merges"))


def tuples(answer, fields):
    """The rows of an answer as a sorted list of the texts of fields."""
    rows = [json.loads(line) for line in answer.splitlines()]
    return sorted(tuple(row.get(f, "") for f in fields) for row in rows)


def main():
    if len(sys.argv) not in (2, 3, 4) or not os.access(sys.argv[1], os.X_OK):
        die("give a VictoriaLogs executable: make bench-peer PEER=/path/to/victoria-logs")
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else 1000000
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 15
    with tempfile.TemporaryDirectory(prefix="sluice-bench.") as scratch:
        bench = Bench(pathlib.Path(sys.argv[1]).resolve(), rows, pathlib.Path(scratch))
        bench.ship()
        servers = bench.ingest()
        try:
            bench.settle(servers[1])
            for query in QUERIES:
                bench.ask(*query, servers, runs)
        finally:
            for server in servers:
                server.close()


if __name__ == "__main__":
    main()
