"""A private redis-server with the queue's library, and a RESP client.

Tests are functions decorated with @test; main() runs each on a server of its
own shard and prints TAP."""
import atexit
import hashlib
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

SRC = os.environ.get("srcdir") or os.path.abspath(
    os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
LETTERS = "kbxfuc"


def library():
    """The concatenation of the files that queue/local.mk names."""
    with open(os.path.join(SRC, "queue", "local.mk")) as f:
        text = f.read().replace("\\\n", " ")
    line = re.search(r"^QUEUE_LUA\s*=(.*)$", text, re.M).group(1)
    out = []
    for name in line.split():
        with open(name.replace("%reldir%", os.path.join(SRC, "queue"))) as f:
            out.append(f.read())
    return "".join(out)


class RedisError(Exception):
    @property
    def word(self):
        return str(self).split(" ")[0]


class Client:
    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(30)
        self.s.connect(path)
        self.f = self.s.makefile("rb")

    def send(self, *args):
        out = [b"*%d\r\n" % len(args)]
        for a in args:
            if not isinstance(a, bytes):
                a = str(a).encode()
            out.append(b"$%d\r\n%s\r\n" % (len(a), a))
        self.s.sendall(b"".join(out))

    def read(self):
        line = self.f.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("redis went away")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            return RedisError(rest.decode("latin-1"))
        if kind == b":":
            return int(rest)
        n = int(rest)
        if kind == b"$":
            if n < 0:
                return None
            return self.f.read(n + 2)[:-2]
        return None if n < 0 else [self.read() for _ in range(n)]

    def __call__(self, *args):
        self.send(*args)
        r = self.read()
        if isinstance(r, RedisError):
            raise r
        return r

    def close(self):
        self.f.close()
        self.s.close()


class Server:
    def __init__(self, *extra):
        self.dir = tempfile.mkdtemp(prefix="facteur-rq-")
        self.path = os.path.join(self.dir, "s")
        self.extra = extra
        self.proc = None
        atexit.register(self.stop)
        self.start()

    def start(self):
        self.proc = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path,
             "--dir", self.dir, "--save", "", "--loglevel", "warning",
             "--maxmemory-policy", "noeviction", *self.extra],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.time() + 30
        while True:
            try:
                self.c = Client(self.path)
                self.c("PING")
                break
            except (OSError, RedisError):
                if time.time() > end or self.proc.poll() is not None:
                    raise
                time.sleep(0.02)
        self.c("FUNCTION", "LOAD", "REPLACE", library())

    def kill(self):
        self.proc.send_signal(signal.SIGKILL)
        self.proc.wait()
        self.c.close()
        try:
            os.unlink(self.path)
        except OSError:
            pass

    def stop(self):
        if self.proc.poll() is None:
            self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


def hash8(addr):
    return hashlib.sha256(addr.encode()).digest()[:8]


def rec(n, addr=None, base=b"\0" * 8, attempt=0, expires=0, rest=b""):
    """A record: id n."""
    h = hash8(addr or "user%d" % n)
    return struct.pack(">Q", n) + h + base + struct.pack(
        ">HI", attempt, expires) + b"." + rest


def ident(n):
    return struct.pack(">Q", n)


class Shard:
    """One shard of the queue and short words for the calls."""
    now = 1700000000000

    def __init__(self, server, tag="00", daemon="d1", own=True):
        self.server, self.tag = server, tag
        self.epoch, self.inc, self.seq = None, None, 0
        if own:
            self.own(daemon)

    def key(self, name):
        return "{%s}:%s" % (self.tag, name)

    def fn(self, name, *args):
        return self.server.c("FCALL", "facteur1_" + name, 1, self.key("m"),
                             *args)

    def refused(self, name, *args):
        """The first word of the refusal; fails when there was none."""
        try:
            r = self.fn(name, *args)
        except RedisError as e:
            return e.word
        raise AssertionError("%s was not refused: %r" % (name, r))

    def own(self, daemon="d1", ttl=30000, boot=1, shards=1, fp="fp",
            buckets=4096):
        r = self.fn("own", daemon, ttl, boot, shards, fp, buckets)
        if r[0] == b"OWNED":
            self.epoch, self.inc = r[1], r[2]
        return r

    def campaign(self, c=1, state="A", scopes="g t1 l1", meta="m"):
        return self.fn("campaign_new", c, self.now, state, scopes, meta)

    def enqueue(self, *recs, bases=(), T="", seq=None, inc=None):
        """recs: (C, D, due, record); bases: (B, bytes, C or "")."""
        if seq is None:
            self.seq += 1
            seq = self.seq
        flat = [x for b in bases for x in b]
        for r in recs:
            flat += r
        return self.fn("enqueue", inc or self.inc, seq, self.now, T,
                       len(bases), *flat)

    def put(self, n, c=1, d="a.test", due=0, **kw):
        return self.enqueue((c, d, due, rec(n, **kw)))

    def lease(self, *want):
        flat = [x for w in (want or [(1, "a.test", 100)]) for x in w]
        return self.fn("lease", self.epoch, self.now, *flat)

    def settle(self, *outs):
        """outs: (n, attempt, code, a)."""
        flat = []
        for o in outs:
            o = tuple(o) + ("",) * (4 - len(o))
            flat += [ident(o[0]), o[1], o[2], o[3], ""]
        return self.fn("settle", self.epoch, self.now, *flat)

    def tick(self, limit=256):
        return self.fn("tick", self.epoch, self.now, limit)

    def recover(self, limit=256):
        return self.fn("recover", self.epoch, self.now, limit)

    def stat(self):
        return pairs(self.fn("stat"))

    def camp(self, c=1):
        r = pairs(self.fn("campaign", "get", c))
        return {k: int(v) if v.isdigit() else v for k, v in r.items()
                if k not in ("meta", "base")}

    def lane(self, c=1, d="a.test"):
        return [struct.unpack(">Q", r[:8])[0] for r in self.server.c(
            "LRANGE", self.key("q:%s:%s" % (c, d)), 0, -1)]

    def dly(self):
        r = self.server.c("ZRANGE", self.key("dly"), 0, -1)
        return [struct.unpack(">Q", v.split(b"\n", 2)[2][:8])[0] for v in r]

    def inflight(self):
        return sorted(struct.unpack(">Q", k)[0]
                      for k in self.server.c("HKEYS", self.key("inf")))

    def bases(self):
        return pairs(self.server.c("HGETALL", self.key("bc")), bytes, int)

    def break_key(self, name, kind="set"):
        """Puts a value of the wrong type in place; the return value mends."""
        c, k = self.server.c, self.key(name)
        dump = c("DUMP", k)
        c("DEL", k)
        if kind == "set":
            c("SADD", k, "x")
        else:
            c("SET", k, "x")

        def mend():
            c("DEL", k)
            if dump:
                c("RESTORE", k, 0, dump)
        return mend

    def everything(self, camp=None):
        """id -> places, of every record in the shard (of one campaign);
        checks the lanes' entries on the way."""
        c, at = self.server.c, {}

        def see(cn, r, where):
            if camp is None or int(cn) == camp:
                at.setdefault(struct.unpack(">Q", r[:8])[0], []).append(where)
        for k in c("KEYS", self.key("q:*")):
            _, _, cn, d = k.decode().split(":", 3)
            assert c("ZSCORE", self.key("r:" + cn), d) is not None, k
            for r in c("LRANGE", k, 0, -1):
                see(cn, r, "lane")
        for vs, where in ((c("ZRANGE", self.key("dly"), 0, -1), "deferred"),
                          (c("HVALS", self.key("inf")), "in flight"),
                          (c("HVALS", self.key("park")), "parked")):
            for v in vs:
                cn, _, r = v.split(b"\n", 2)
                see(cn, r, where)
        return at

    def balanced(self, c=1):
        """q = all that left + all that is here."""
        n = self.camp(c)
        here = sum(len(p) for p in self.everything(c).values())
        left = sum(n.get(k, 0) for k in LETTERS)
        return n.get("q", 0) == left + here


def pairs(flat, key=None, val=None):
    key = key or (lambda b: b.decode())
    val = val or (lambda b: b if isinstance(b, int) else b.decode("latin-1"))
    return {key(flat[i]): val(flat[i + 1]) for i in range(0, len(flat), 2)}


_tests = []


def test(f):
    _tests.append(f)
    return f


def eq(got, want):
    if got != want:
        raise AssertionError("got %r, want %r" % (got, want))


def main(*extra):
    print("1..%d" % len(_tests), flush=True)
    for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(s, lambda n, _: sys.exit(128 + n))
    server = Server(*extra)
    bad = 0
    try:
        for i, f in enumerate(_tests, 1):
            name = f.__name__.replace("_", " ")
            try:
                server.c("FLUSHALL")
                f(Shard(server))
                print("ok %d - %s" % (i, name), flush=True)
            except Exception:
                bad += 1
                for line in traceback.format_exc().splitlines():
                    print("# " + line)
                print("not ok %d - %s" % (i, name), flush=True)
                if server.proc.poll() is not None:
                    server.start()
    finally:
        server.stop()
    sys.exit(1 if bad else 0)
