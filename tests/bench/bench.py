#!/usr/bin/python3
"""bench.py BUILDDIR [--messages N] [--only facteur|postfix] [--case NAME] [--json FILE]

Durable throughput on loopback: load and sink in C, private DNS, 100 domains, 20 sessions, 4 KiB and 40 KiB, signed and not; Facteur with its
embedded Redis (appendfsync always), and Postfix (opendkim signs) in the same run where it is installed. Machines are noisy: compare
ratios within one run and CPU per message. Every figure of a case is of that case's run; system calls and fsyncs are counted in a
second, short run under strace."""
import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import peers

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = {"4k": (4096, False), "4k-signed": (4096, True), "40k": (40960, False), "40k-signed": (40960, True)}
DOMAINS = 100
SESSIONS = 20


def free_port(pair=False):
    while True:
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        s.close()
        if not pair:
            return port
        try:
            t = socket.socket()
            t.bind(("127.0.0.1", port + 1))
            t.close()
            return port
        except OSError:
            continue


class Bench:
    def __init__(self, args):
        self.args = args
        self.tmp = tempfile.mkdtemp(prefix="facteur-bench-")
        os.chmod(self.tmp, 0o755)
        self.load = os.path.join(args.build, "tests/bench/smtpload")
        self.key = os.path.join(self.tmp, "rsa.pem")
        subprocess.run(["openssl", "genrsa", "-traditional", "-out", self.key, "2048"], check=True, capture_output=True)
        self.dns_port = free_port()
        zone = os.path.join(self.tmp, "zone")
        with open(zone, "w") as f:
            for i in range(1, DOMAINS + 1):
                f.write(f"d{i}.test MX 3600 10 mx.d{i}.test\nmx.d{i}.test A 3600 127.0.1.{i}\n")
        self.dns = subprocess.Popen(["/usr/bin/python3", os.path.join(HERE, "../system/dnsserver.py"),
                                     str(self.dns_port), zone], stdout=subprocess.PIPE)
        self.dns.stdout.readline()
        self.n = 0

    def close(self):
        self.dns.terminate()
        self.dns.wait()
        shutil.rmtree(self.tmp, ignore_errors=True)

    def peer(self, kind, sink_port, signed):
        self.n += 1
        dir_ = os.path.join(self.tmp, f"{kind}{self.n}")
        os.makedirs(dir_)
        port = free_port(pair=True)
        if kind == "postfix":
            return peers.Postfix(dir_, port, sink_port, DOMAINS, signed, self.key)
        return peers.Facteur(dir_, port, sink_port, DOMAINS, signed, self.key, self.args.build, self.dns_port)

    def transfer(self, peer, sink_port, size, messages, domains=DOMAINS):
        """One campaign through peer: (source's figures, sink's figures)."""
        out = os.path.join(self.tmp, f"sink{self.n}.json")
        src = os.path.join(self.tmp, f"source{self.n}.json")
        sink = subprocess.Popen([self.load, "sink", "-l", f"0.0.0.0:{sink_port}", "-n", str(messages), "-i", "20",
                                 "-t", "300", "-o", out])
        peers.wait_port("127.0.0.1", sink_port, sink)
        subprocess.run([self.load, "source", "-a", f"127.0.0.1:{peer.port}", "-s", str(SESSIONS), "-m", str(messages),
                        "-l", str(size), "-d", str(domains), "-p", "-t", "300", "-o", src])
        sink.wait()
        with open(src) as f, open(out) as g:
            return json.load(f), json.load(g)

    def run(self, kind, case, messages):
        size, signed = CASES[case]
        sink_port = free_port()
        peer = self.peer(kind, sink_port, signed)
        try:
            self.transfer(peer, sink_port, size, max(200, messages // 20))  # warm-up
            cpu0 = peer.cpu()
            redis0 = sum(peers.stat(peer.redis_pid())[1:]) if kind == "facteur" else 0
            aof0 = peer.redis_info("aof_current_size") if kind == "facteur" else 0
            s, k = self.transfer(peer, sink_port, size, messages)
            time.sleep(0.2)
            done = k["messages"]
            if s["accepted"] != messages or done != messages:
                print(f"{kind} {case}: accepted {s['accepted']}, delivered {done} of {messages}", file=sys.stderr)
            if signed and k["dkim"] != done:
                print(f"{kind} {case}: only {k['dkim']} of {done} signed", file=sys.stderr)
            total = peer.cpu() - cpu0
            r = {"accepted_per_s": messages / ((s["last_ns"] - s["first_ns"]) / 1e9),
                 "delivered_per_s": done / ((k["last_ns"] - s["first_ns"]) / 1e9),
                 "cpu_ms_per_msg": total * 1000 / done, "peak_rss_mib": peer.rss()}
            if kind == "facteur":
                redis = sum(peers.stat(peer.redis_pid())[1:]) - redis0
                r["redis_cpu_ms_per_msg"] = redis * 1000 / done
                r["cpu_ms_per_msg"] = (total - redis) * 1000 / done
                r["aof_bytes_per_msg"] = (peer.redis_info("aof_current_size") - aof0) / done
            return r
        finally:
            peer.stop()

    def calls(self, case, messages=3000):
        """System calls of facteurd and fsyncs of Redis a message, under strace: its own run, slower than the others."""
        size, signed = CASES[case]
        sink_port = free_port()
        peer = self.peer("facteur", sink_port, signed)
        try:
            self.transfer(peer, sink_port, size, 500)
            counts = {}
            tracers = []
            for what, pid in (("daemon", peer.proc.pid), ("redis", peer.redis_pid())):
                f = os.path.join(self.tmp, f"strace.{what}")
                tracers.append((what, f, subprocess.Popen(["strace", "-c", "-f", "-p", str(pid), "-o", f],
                                                          stderr=subprocess.DEVNULL)))
            time.sleep(1)
            self.transfer(peer, sink_port, size, messages)
            for what, f, p in tracers:
                p.send_signal(2)
                p.wait()
                with open(f) as g:
                    for line in g:
                        m = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
                        if m:
                            counts[(what, m.group(2))] = int(m.group(1))
            calls = sum(v for (w, n), v in counts.items() if w == "daemon" and n != "total")
            fsyncs = sum(v for (w, n), v in counts.items() if w == "redis" and n in ("fdatasync", "fsync"))
            return {"fsyncs_per_msg": fsyncs / messages, "syscalls_per_msg": calls / messages}
        finally:
            peer.stop()

    def queued_bytes(self, messages=5000):
        """Redis memory a queued recipient: a personalised 40 KiB campaign, submitted message by message, not delivered."""
        import personalise
        sizes = {}
        for encoding in ("8bit", "quoted-printable", "base64"):
            self.n += 1
            dir_ = os.path.join(self.tmp, f"queued{self.n}")
            os.makedirs(dir_)
            peer = peers.Facteur(dir_, free_port(), 9, DOMAINS, False, self.key, self.args.build, self.dns_port)
            try:
                personalise.submit(peer.port, 1, encoding, 50)
                peer.ask("campaign", "pause", "spring")
                time.sleep(0.5)
                before = peer.redis_info("used_memory")
                personalise.submit(peer.port, 51, encoding, messages)
                sizes[encoding] = (peer.redis_info("used_memory") - before) / messages
            finally:
                peer.stop()
        return sizes


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("build")
    ap.add_argument("--messages", type=int, default=20000)
    ap.add_argument("--only")
    ap.add_argument("--case", action="append", choices=list(CASES))
    ap.add_argument("--json", default=os.environ.get("BENCH_JSON") or None)
    ap.add_argument("--no-strace", action="store_true")
    ap.add_argument("--no-memory", action="store_true")
    args = ap.parse_args()
    args.build = os.path.abspath(args.build)
    bench = Bench(args)
    kinds = ["facteur"] + (["postfix"] if os.path.exists("/usr/lib/postfix/sbin/master") else [])
    if args.only:
        kinds = [args.only]
    out = []
    try:
        queued = {} if args.no_memory or "facteur" not in kinds else bench.queued_bytes()
        for enc, v in queued.items():
            print(f"redis bytes per queued recipient, 40 KiB personalised, {enc}: {v:.0f}")
        for case in args.case or CASES:
            row = {"case": case}
            for kind in kinds:
                n = args.messages if kind == "facteur" else max(1000, args.messages // 8)
                row[kind] = bench.run(kind, case, n)
                if kind == "facteur":
                    if not args.no_strace and shutil.which("strace"):
                        row[kind].update(bench.calls(case))
                    if queued:
                        row[kind]["redis_bytes_per_queued"] = max(queued.values())
                print(f"{case:10s} {kind:8s} " + " ".join(f"{k}={v:.3f}" for k, v in row[kind].items()), flush=True)
            if len(kinds) == 2:
                print(f"{case:10s} facteur / postfix delivered: "
                      f"{row['facteur']['delivered_per_s'] / row['postfix']['delivered_per_s']:.1f}", flush=True)
            out.append(row)
        if args.json:
            with open(args.json, "w") as f:
                json.dump({"cases": out}, f, indent=1)
    finally:
        bench.close()


if __name__ == "__main__":
    main()
