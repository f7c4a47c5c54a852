"""What the system tests share: a temporary laboratory with name server,
receivers and a private facteurd, submitting clients, and TAP.

Nothing outlives a test: every process is started in a session of its own and
ended by its id, and at the end whatever still works inside the laboratory's
directory is ended as well."""
import atexit
import base64
import crypt
import json
import os
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
SRC = os.environ.get("srcdir") or os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("builddir") or os.path.join(SRC, "build")
CORPORA = os.environ.get("FACTEUR_CORPORA") or os.path.join(
    SRC, "..", "shared", "corpora")
CACHE = os.path.join(os.path.expanduser("~"), ".cache", "facteur-test")
PASSWORD = "correct horse"


class Skip(Exception):
    pass


def eq(got, want, what=""):
    if got != want:
        raise AssertionError("%s: got %r, want %r" % (what, got, want))


def wait(f, seconds=20, what="it"):
    """The first true value of f()."""
    end = time.monotonic() + seconds
    while True:
        v = f()
        if v:
            return v
        if time.monotonic() > end:
            raise AssertionError("waited %d s in vain for %s" % (seconds, what))
        time.sleep(0.03)


_ports = set()


def free_port(host="0.0.0.0"):
    """A port nobody has, on any loopback address, and not given out before."""
    while True:
        with socket.socket() as s:
            s.bind((host, 0))
            p = s.getsockname()[1]
        if p not in _ports:
            _ports.add(p)
            return p


class Lab:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="facteur-lab-")
        self.root = os.geteuid() == 0
        self.procs, self.zone, self.sinks, self.hosts = [], [], {}, 1
        self.mx_port = free_port()
        self.dns_port = free_port()
        self.dns_proc = None
        os.chmod(self.dir, 0o755)
        self.nobody = pwd.getpwnam("nobody")
        for d in ("d", "r"):
            os.mkdir(self.path(d))
        if self.root:
            os.chown(self.path("d"), self.nobody.pw_uid, -1)
        atexit.register(self.close)
        for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(s, lambda n, _: sys.exit(128 + n))
        self.make_certificate()

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def make_certificate(self):
        self.cert, self.key = self.path("r", "cert"), self.path("d", "key")
        run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
             "-days", "2", "-subj", "/CN=mta.sender.test", "-keyout",
             self.key, "-out", self.cert])
        if self.root:
            os.chown(self.key, self.nobody.pw_uid, -1)

    def spawn(self, argv, name, ready=None, unprivileged=False, env=None):
        """ready: a word of its output to wait for."""
        if unprivileged and self.root:
            argv = ["setpriv", "--reuid", "nobody", "--regid", "nogroup",
                    "--clear-groups", "--"] + argv
        out = open(self.path("r", name + ".out"), "ab")
        p = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            start_new_session=True, cwd=self.dir,
            env=dict(os.environ, **(env or {})))
        out.close()
        p.label = name
        self.procs.append(p)
        if ready:
            wait(lambda: ready in self.output(name) or self.dead(p), 20,
                 name + " to start")
        return p

    def dead(self, p):
        if p.poll() is None:
            return False
        raise AssertionError("%s ended with %s: %s" % (
            p.label, p.returncode, self.output(p.label)[-2000:]))

    def output(self, name):
        with open(self.path("r", name + ".out"), errors="replace") as f:
            return f.read()

    def end(self, p, sig=signal.SIGTERM, seconds=15):
        if p.poll() is None:
            p.send_signal(sig)
            try:
                p.wait(seconds)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        if p in self.procs:
            self.procs.remove(p)
        return p.returncode

    def strays(self):
        """Processes that work in our directory or name it."""
        out = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            if int(pid) == os.getpid():
                continue
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as f:
                    line = f.read()
                cwd = os.readlink("/proc/%s/cwd" % pid)
                exe = os.readlink("/proc/%s/exe" % pid)
            except OSError:
                continue
            if self.dir.encode() in line or cwd.startswith(self.dir) or \
                    exe.startswith(self.dir):
                out.append(int(pid))
        return out

    def close(self):
        for p in reversed(self.procs[:]):
            self.end(p, signal.SIGTERM, 5)
        for _ in range(50):
            left = self.strays()
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            if not left:
                break
            time.sleep(0.05)
        if os.environ.get("KEEP"):
            print("# kept %s" % self.dir)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)
        atexit.unregister(self.close)

    # -- names ---------------------------------------------------------------
    def host(self):
        """One more loopback address."""
        self.hosts += 1
        return "127.0.%d.%d" % (self.hosts // 250, 1 + self.hosts % 250)

    def record(self, name, rtype, value):
        self.zone.append((name, rtype, value))

    def domain(self, name, host):
        """name's mail goes to mx.name, which is host."""
        self.record(name, "MX", "10 mx." + name)
        self.record("mx." + name, "A", host)

    def dns(self):
        """Starts the name server with all records known by now."""
        if self.dns_proc:
            self.end(self.dns_proc)
        path = self.path("r", "zone")
        with open(path, "w") as f:
            for name, rtype, value in self.zone:
                f.write("%s %s %s\n" % (name, rtype, value))
        self.dns_proc = self.spawn(
            [sys.executable, "-B", os.path.join(HERE, "dnsserver.py"), "127.0.0.1",
             str(self.dns_port), path], "dns", ready="ready")

    # -- receivers -----------------------------------------------------------
    def sink(self, *domains, lmtp=False, listen=None, **opt):
        """A sink that is the MX of these domains."""
        name = domains[0] if domains else "sink"
        host = self.host()
        s = Sink(self, name, listen or "%s:%d" % (host, self.mx_port))
        s.host = host
        for d in domains:
            self.domain(d, host)
        argv = [sys.executable, "-B", os.path.join(HERE, "sink.py"),
                "--listen", s.listen, "--log", s.log]
        if opt.pop("tls", False):
            argv += ["--cert", self.cert, "--key", self.key]
        if lmtp:
            argv.append("--lmtp")
        for k, v in opt.items():
            for x in v if isinstance(v, list) else [v]:
                argv += ["--" + k.replace("_", "-"), str(x)]
        s.argv = argv
        s.start()
        self.sinks[name] = s
        return s

    def fakemx(self, domain, *args):
        host = self.host()
        self.domain(domain, host)
        log = self.path("r", "fakemx." + domain)
        p = self.spawn([sys.executable, "-B", os.path.join(HERE, "fakemx.py"), host,
                        str(self.mx_port), "--log", log, *args],
                       "fakemx-" + domain, ready="ready")
        return FakeMx(p, host, log)

    def facteurd(self, **kw):
        if not self.dns_proc:
            self.dns()
        return Facteurd(self, **kw)


def run(argv, **kw):
    r = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       **kw)
    if r.returncode:
        raise AssertionError("%s: %s" % (argv[0], r.stdout.decode(
            errors="replace")[-2000:]))
    return r.stdout.decode(errors="replace")


def json_lines(path):
    out = []
    try:
        with open(path) as f:
            for line in f:
                if line.endswith("\n"):
                    out.append(json.loads(line))
    except FileNotFoundError:
        pass
    return out


class Sink:
    def __init__(self, lab, name, listen):
        self.lab, self.name, self.listen = lab, name, listen
        self.log = lab.path("r", "sink." + name)

    def start(self):
        self.proc = self.lab.spawn(self.argv, "sink-" + self.name,
                                   ready="ready")

    def stop(self):
        self.lab.end(self.proc)
        os.unlink(self.lab.path("r", "sink-" + self.name + ".out"))

    def events(self, ev=None):
        return [e for e in json_lines(self.log) if ev in (None, e["ev"])]

    def mails(self):
        out = self.events("mail")
        for m in out:
            m["content"] = base64.b64decode(m["content"])
        return out

    def count(self):
        """Recipients so far, without decoding."""
        return sum(len(e["rcpt"]) for e in self.events("mail"))

    def wait(self, n, seconds=30):
        wait(lambda: self.count() >= n, seconds,
             "%d mails at %s" % (n, self.name))
        return self.mails()


class FakeMx:
    def __init__(self, proc, host, log):
        self.proc, self.host, self.log = proc, host, log

    def events(self, ev=None):
        return [e for e in json_lines(self.log) if ev in (None, e["ev"])]


# -- the daemon -------------------------------------------------------------
def conf_value(v):
    if isinstance(v, bool):
        return "yes" if v else "no"
    if isinstance(v, (list, tuple)):
        return "{" + ", ".join(conf_value(x) for x in v) + "}"
    return '"%s"' % str(v).replace("\\", "\\\\").replace('"', '\\"')


def conf_block(title, block, indent=""):
    out = [indent + title + " {"]
    for k, v in block.items():
        if isinstance(v, dict):
            out.append(conf_block(k, v, indent + "\t"))
        elif v is not None:
            out.append("%s\t%s = %s" % (indent, k, conf_value(v)))
    return "\n".join(out + [indent + "}"])


class Facteurd:
    """sections: {"site default": {...}, ...} over the laboratory's own."""

    def __init__(self, lab, sections=None, start=True):
        self.lab = lab
        self.port, self.auth_port, self.lmtp_port = (
            free_port(), free_port(), free_port())
        self.lmtp_path = lab.path("d", "lmtp")
        self.control_path = lab.path("d", "control")
        self.accounting_path = lab.path("d", "accounting")
        self.log_path = lab.path("d", "log")
        self.conf_path = lab.path("d", "conf")
        self.proc, self.lives = None, 0
        self.sections = self.defaults()
        self.change(sections or {})
        if start:
            self.start()

    def defaults(self):
        lab = self.lab
        hashed = crypt.crypt(PASSWORD, crypt.mksalt(crypt.METHOD_SHA512))
        tls = {"tls": "opportunistic", "tls_certificate": lab.cert,
               "tls_key": lab.key}
        return {
            "limits": {"hostname": "mta.sender.test",
                       "spool": lab.path("d", "spool"),
                       "control_socket": self.control_path,
                       "drain_time": "3s"},
            "redis": {"embedded": True, "max_memory": "256M",
                      "min_free_space": "1M"},
            "dns": {"servers": ["127.0.0.1:%d" % lab.dns_port],
                    "timeout": "1s", "tries": 2, "ipv6": False},
            "log": {"path": self.log_path, "level": "debug",
                    "accounting": self.accounting_path},
            "listen main": {"address": "127.0.0.1:%d" % self.port,
                            "tenant": "shop", **tls},
            "listen auth": {"address": "127.0.0.1:%d" % self.auth_port,
                            "auth": "required", **tls},
            "listen lmtp": {"address": "127.0.0.1:%d" % self.lmtp_port,
                            "protocol": "lmtp", "tenant": "shop"},
            "listen local": {"address": "unix:" + self.lmtp_path,
                             "protocol": "lmtp", "tenant": "shop"},
            "tenant shop": {"from_domains": ["*"], "envelope_domains": ["*"],
                            "user alice": {"password": hashed}},
            "site default": {"port": lab.mx_port, "retry": ["1s"],
                             "retry_jitter": 0, "connect_timeout": "3s",
                             "greeting_timeout": "3s",
                             "command_timeout": "3s",
                             "data_start_timeout": "3s",
                             "data_block_timeout": "3s",
                             "data_end_timeout": "3s",
                             "quit_timeout": "1s", "idle_timeout": "1s"},
        }

    def change(self, sections):
        """Merges into the sections and writes the file; None takes away."""
        for k, v in sections.items():
            if v is None:
                self.sections.pop(k, None)
            else:
                self.sections.setdefault(k, {}).update(v)
        with open(self.conf_path, "w") as f:
            for k, v in self.sections.items():
                f.write(conf_block(k, v) + "\n")
        if self.lab.root:
            os.chown(self.conf_path, self.lab.nobody.pw_uid, -1)

    def program(self, name="facteurd"):
        """The build's program, or a copy where nobody can reach it."""
        built = os.path.join(BUILD, name)
        if not os.access(built, os.X_OK):
            raise AssertionError("%s is not built" % built)
        if not self.lab.root:
            return built
        test = ["setpriv", "--reuid", "nobody", "--regid", "nogroup",
                "--clear-groups", "test", "-x", built]
        if subprocess.run(test).returncode == 0:
            return built
        copy = self.lab.path("r", name)
        if not os.path.exists(copy):
            shutil.copy(built, copy)
        return copy

    def start(self, seconds=30):
        self.lives += 1
        self.proc = self.lab.spawn(
            [self.program(), "-c", self.conf_path],
            "facteurd", unprivileged=True)

        def up():
            self.lab.dead(self.proc)
            try:
                with socket.create_connection(("127.0.0.1", self.port),
                                              2) as s:
                    s.settimeout(2)
                    if not s.recv(100).startswith(b"220"):
                        return False
                # accepting only once the queue is up
                c = Client(self.port)
                c.hello()
                ok = c.cmd("MAIL FROM:<ready@sender.test>").startswith("250")
                c.close()
                return ok
            except (OSError, ClientError):
                return False
        wait(up, seconds, "facteurd to be ready")

    def stop(self):
        """Exit status after SIGTERM."""
        return self.lab.end(self.proc, signal.SIGTERM, 30)

    def kill(self):
        self.lab.end(self.proc, signal.SIGKILL)

    def reload(self):
        self.proc.send_signal(signal.SIGHUP)

    def redis_pid(self):
        """The embedded server, by its working directory."""
        spool = self.sections["limits"]["spool"]
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/comm" % pid) as f:
                    comm = f.read().strip()
                if comm == "redis-server" and os.readlink(
                        "/proc/%s/cwd" % pid).startswith(spool):
                    return int(pid)
            except OSError:
                continue
        return None

    def tool(self, *args, check=True):
        """What facteur(1) prints."""
        r = subprocess.run(
            [os.path.join(BUILD, "facteur"), "-s", self.control_path, *args],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
        text = r.stdout.decode(errors="replace")
        if check and r.returncode:
            raise AssertionError("facteur %s: %s" % (" ".join(args), text))
        return text

    def json(self, *args):
        return json.loads(self.tool("--json", *args))

    def accounting(self, **match):
        """The lines whose fields are so."""
        return [a for a in json_lines(self.accounting_path)
                if all(a.get(k) == v for k, v in match.items())]

    def outcome(self, rcpt, event, seconds=20):
        """Waits for the line of this outcome."""
        return wait(lambda: self.accounting(recipient=rcpt, event=event),
                    seconds, "%s of %s" % (event, rcpt))[-1]

    def log_tail(self, n=40):
        try:
            with open(self.log_path, errors="replace") as f:
                return f.read().splitlines()[-n:]
        except OSError:
            return self.lab.output("facteurd").splitlines()[-n:]


# -- clients ----------------------------------------------------------------
class ClientError(Exception):
    pass


class Client:
    """SMTP or LMTP, pipelined; port, or path of a unix socket."""

    def __init__(self, port, lmtp=False, timeout=30):
        if isinstance(port, str):
            self.s = socket.socket(socket.AF_UNIX)
            self.s.settimeout(timeout)
            self.s.connect(port)
        else:
            self.s = socket.create_connection(("127.0.0.1", port), timeout)
            self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lmtp = lmtp
        self.f = self.s.makefile("rb")
        self.banner = self.reply()

    def reply(self):
        out = []
        while True:
            line = self.f.readline()
            if not line.endswith(b"\r\n"):
                raise ClientError("connection closed")
            out.append(line.decode("utf-8", "replace").rstrip())
            if line[3:4] != b"-":
                return "\n".join(out)

    def write(self, data):
        self.s.sendall(data if isinstance(data, bytes) else data.encode())

    def cmd(self, line):
        self.write(line + "\r\n")
        return self.reply()

    def hello(self, name="client.test"):
        self.ehlo = self.cmd(("LHLO " if self.lmtp else "EHLO ") + name)
        return self.ehlo

    def starttls(self):
        eq(self.cmd("STARTTLS")[:3], "220")
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
        self.s = ctx.wrap_socket(self.s)
        self.f = self.s.makefile("rb")
        self.hello()

    def login(self, user="alice", password=PASSWORD):
        token = base64.b64encode(b"\0%s\0%s" % (user.encode(),
                                                password.encode()))
        return self.cmd("AUTH PLAIN " + token.decode())

    def send(self, sender, rcpts, content, mail="", rcpt=""):
        """The replies [MAIL, RCPT..., DATA, content...]."""
        lines = ["MAIL FROM:<%s>%s" % (sender, mail and " " + mail)]
        for r in rcpts:
            lines.append("RCPT TO:<%s>%s" % (r, rcpt and " " + rcpt))
        lines.append("DATA")
        self.write("\r\n".join(lines) + "\r\n")
        out = [self.reply() for _ in lines]
        if not out[-1].startswith("354"):
            return out
        stuffed = re.sub(rb"(?m)^\.", b"..", content)
        self.write(stuffed + b".\r\n")
        took = sum(r.startswith("2") for r in out[1:-1])
        for _ in range(took if self.lmtp else 1):
            out.append(self.reply())
        return out

    def quit(self):
        r = self.cmd("QUIT")
        self.close()
        return r

    def close(self):
        self.f.close()
        self.s.close()


def submit(port, sender, rcpts, content, lmtp=False, **kw):
    """One message over one connection; the last reply."""
    c = Client(port, lmtp)
    c.hello()
    r = c.send(sender, [rcpts] if isinstance(rcpts, str) else rcpts, content,
               **kw)
    c.close()
    return r[-1]


def submit_many(port, jobs, connections=10, answer=None):
    """jobs: (sender, rcpts, content).  Replies in the order of the jobs; None
    where the connection broke before one came."""
    replies, lock, nexts = [None] * len(jobs), threading.Lock(), [0]

    def work():
        c = None
        while True:
            with lock:
                i = nexts[0]
                nexts[0] += 1
            if i >= len(jobs):
                break
            try:
                if c is None:
                    c = Client(port)
                    c.hello()
                replies[i] = c.send(*jobs[i])[-1]
                if answer:
                    answer(i, replies[i])
            except (OSError, ClientError):
                c = None
        if c:
            c.close()
    threads = [threading.Thread(target=work) for _ in range(connections)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return replies


_serial = [0]


def message(rcpt="u@rcvd.test", sender="news@sender.test", subject="test",
            body=b"Hello\r\n", headers=()):
    """A complete message: needs nothing added."""
    _serial[0] += 1
    head = ["Date: Tue, 24 Nov 2026 08:00:00 +0000",
            "From: News <%s>" % sender, "To: <%s>" % rcpt,
            "Message-ID: <%d.%d@sender.test>" % (os.getpid(), _serial[0]),
            "Subject: %s" % subject, "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8"]
    head += ["%s: %s" % h for h in headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def split_added(content):
    """The header fields on top that a relay may add, and the rest."""
    added = []
    while True:
        m = re.match(rb"(?i)(DKIM-Signature|Received|Return-Path):"
                     rb"[^\n]*\r\n([ \t][^\n]*\r\n)*", content)
        if not m:
            return added, content
        added.append(m.group(0))
        content = content[m.end():]


# -- keys -------------------------------------------------------------------
def make_dkim(lab, domain, selector, kind="rsa"):
    """A key for a "dkim" section; its public half goes into the zone.
    Answers (section, line of a keys file)."""
    path = lab.path("d", "%s.%s.pem" % (selector, domain))
    if kind == "rsa":
        run(["openssl", "genrsa", "-traditional", "-out", path, "2048"])
    else:
        run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path])
    der = subprocess.run(["openssl", "pkey", "-in", path, "-pubout",
                          "-outform", "DER"], stdout=subprocess.PIPE,
                         check=True).stdout
    if kind != "rsa":
        der = der[-32:]
    os.chmod(path, 0o600)
    if lab.root:
        os.chown(path, lab.nobody.pw_uid, -1)
    text = "v=DKIM1; k=%s; p=%s" % (kind, base64.b64encode(der).decode())
    name = "%s._domainkey.%s" % (selector, domain)
    lab.record(name, "TXT", text)
    return ({"domain": domain, "selector": selector, "key": path},
            "%s %s\n" % (name, text))


def verify_dkim(lab, content, keys):
    """Runs every verifier; their text when all pass."""
    msg, kf = lab.path("r", "dkim.eml"), lab.path("r", "dkim.keys")
    with open(msg, "wb") as f:
        f.write(content)
    with open(kf, "w") as f:
        f.write("".join(keys))
    r = subprocess.run(["bash", os.path.join(HERE, "verify_dkim.sh"), msg, kf],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = r.stdout.decode(errors="replace")
    if r.returncode or "ALL-PASS" not in text or "NOT-ALL" in text or \
            "verifiers=0" in text:
        raise AssertionError("DKIM: " + text)
    return text


def newsletters():
    """HTML pages of real newsletters, or a Skip."""
    out = []
    for base, _, names in sorted(os.walk(os.path.join(CORPORA,
                                                      "newsletters"))):
        for n in sorted(names):
            if n.endswith(".html"):
                with open(os.path.join(base, n), "rb") as f:
                    out.append((n, f.read()))
    if not out:
        raise Skip("corpora absent")
    return out


# -- TAP --------------------------------------------------------------------
_tests = []


def test(f):
    _tests.append(f)
    return f


def main(make):
    """make(lab) answers what each test gets; after a failure the daemon's last
    log lines are shown."""
    print("1..%d" % len(_tests), flush=True)
    lab, world, bad = Lab(), None, 0
    try:
        try:
            world = make(lab)
        except Skip as e:
            for i, f in enumerate(_tests, 1):
                print("ok %d # SKIP %s" % (i, e))
            return
        for i, f in enumerate(_tests, 1):
            bad += not _one(i, f, world)
    except Exception:
        for line in traceback.format_exc().splitlines():
            print("# " + line)
        print("Bail out! the laboratory did not start")
        bad = 1
        _show(world, lab)
    finally:
        lab.close()
    sys.exit(1 if bad else 0)


def _show(world, lab):
    d = world if isinstance(world, Facteurd) else getattr(world, "d", None)
    lines = d.log_tail() if d else []
    if not d and os.path.exists(lab.path("d", "log")):
        with open(lab.path("d", "log"), errors="replace") as f:
            lines = f.read().splitlines()[-40:]
    for line in lines:
        print("#   " + line[:400])


def _one(i, f, world):
    name = f.__name__.replace("_", " ")
    t0 = time.monotonic()
    try:
        f(world)
    except Skip as e:
        print("ok %d - %s # SKIP %s" % (i, name, e), flush=True)
        return True
    except Exception:
        for line in traceback.format_exc().splitlines():
            print("# " + line[:1000])
        lab = getattr(world, "lab", None)
        if lab:
            _show(world, lab)
        print("not ok %d - %s" % (i, name), flush=True)
        return False
    print("ok %d - %s (%.1f s)" % (i, name, time.monotonic() - t0),
          flush=True)
    return True
