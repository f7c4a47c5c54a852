#!/usr/bin/python3
"""The intake over real sockets: protocols, TLS, logins, tenants, limits,
reload and drain.  TAP; the server is tests/unit/intake_server."""
import base64
import glob
import os
import shutil
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("builddir", ".")
DIR = tempfile.mkdtemp(prefix="facteur-intake-")
OUT = os.path.join(DIR, "out")
MESSAGE = "From: a@b.c\r\nSubject: x\r\n\r\n.dot\r\nbye\r\n"


class Server:
    def __init__(self, *more):
        shutil.rmtree(OUT, ignore_errors=True)
        os.mkdir(OUT)
        self.log = open(os.path.join(DIR, "log"), "ab")
        self.p = subprocess.Popen(
            [os.path.join(BUILD, "tests/unit/intake_server"), OUT,
             *more],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.log, text=True)
        self.ports()

    def ask(self, command):
        self.p.stdin.write(command + "\n")
        self.p.stdin.flush()
        return self.p.stdout.readline().strip()

    def ports(self):
        self.port = {}
        for word in self.ask("ports").split():
            name, at = word.split("=")
            if not at.startswith("unix:"):
                host, _, port = at.split(":")
                self.port[name] = (host, int(port))

    def stat(self, name):
        return int(dict(w.split("=") for w in
                        self.ask("stats").split())[name])

    def cpu_us(self):
        return int(self.ask("usage").split("=")[1])

    def rss_kb(self):
        with open(f"/proc/{self.p.pid}/statm") as f:
            return int(f.read().split()[1]) * 4

    def stop(self):
        self.p.stdin.close()
        self.p.wait(10)
        self.p.stdout.close()
        self.log.close()
        assert self.p.returncode == 0, self.p.returncode


class Raw:
    """A socket, and replies as lists of lines."""

    def __init__(self, at, source=None, tls=False):
        if isinstance(at, str):
            self.s = socket.socket(socket.AF_UNIX)
            self.s.settimeout(10)
            self.s.connect(at)
        else:
            self.s = socket.create_connection(
                at, 10, source_address=source and (source, 0))
        if tls:
            self.starttls()
        self.f = self.s.makefile("rb")

    def starttls(self):
        c = ssl.create_default_context()
        c.check_hostname = False
        c.verify_mode = ssl.CERT_NONE
        self.s = c.wrap_socket(self.s)
        self.f = self.s.makefile("rb")

    def reply(self):
        while True:
            line = self.f.readline().decode()
            if not line:
                return ""
            if line[3:4] != "-":
                return line.strip()

    def say(self, *lines):
        self.s.sendall("".join(x + "\r\n" for x in lines).encode())

    def ask(self, *lines):
        self.say(*lines)
        return [self.reply()[:3] for _ in lines]

    def close(self):
        self.f.close()
        self.s.close()


def saved(server, want=1):
    """What the submission got: (fields, recipients, content) each."""
    out = []
    for name in sorted(glob.glob(OUT + "/*")):
        with open(name, "rb") as f:
            head, content = f.read().split(b"\n\n", 1)
        lines = head.decode().split("\n")
        out.append((lines[0].split("|"), lines[1:], content.decode()))
        os.unlink(name)
    assert len(out) == want, out
    return out


def plain(user, password):
    return "AUTH PLAIN " + base64.b64encode(
        f"\0{user}\0{password}".encode()).decode()


def eq(got, want):
    assert got == want, f"want {want!r}, got {got!r}"


def client(server, name):
    c = smtplib.SMTP(*server.port[name], local_hostname="client.test",
                     timeout=10)
    return c


def insecure():
    c = ssl.create_default_context()
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    return c


# --- tests ------------------------------------------------------------------

def test_no_relay(s):
    for name, code in (("plain", 530), ("starttls", 530)):
        c = Raw(s.port[name])
        c.reply()
        eq(c.ask("EHLO a", "MAIL FROM:<a@b.c>", "RCPT TO:<d@e.f>", "DATA",
                 "MAIL FROM:<>"),
           ["250", str(code), "503", "503", str(code)])
        c.close()
    saved(s, 0)


def test_fixed_tenant(s):
    with client(s, "fixed") as c:
        c.sendmail("a@b.c", ["d@e.f", "g@h.i"], MESSAGE,
                   ["RET=HDRS", "ENVID=x+2By"],
                   ["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;q@e.f"])
    fields, rcpts, content = saved(s)[0]
    eq(fields, ["acme", "a@b.c", "ESMTP", "client.test", "127.0.0.1", "",
                "2", "x+y"])
    eq(rcpts, ["d@e.f 10 rfc822;q@e.f", "g@h.i 10 rfc822;q@e.f"])
    eq(content, MESSAGE)


def test_network_tenant(s):
    c = Raw(s.port["plain"], "127.0.0.9")
    c.reply()
    eq(c.ask("EHLO a", "MAIL FROM:<a@b.c>"), ["250", "250"])
    c.close()
    c = Raw(s.port["authonly"], "127.0.0.9")
    c.reply()
    eq(c.ask("EHLO a", "MAIL FROM:<a@b.c>"), ["250", "530"])
    c.close()


def test_starttls_and_auth(s):
    c = client(s, "starttls")
    c.ehlo()
    assert not c.has_extn("auth")
    c.starttls(context=insecure())
    c.ehlo()
    assert c.has_extn("auth") and not c.has_extn("starttls")
    c.login("joe", "secret")
    sessions = s.ask("sessions")
    assert "starttls,127.0.0.1,,joe,TLSv1.3,idle" in sessions, sessions
    c.sendmail("a@b.c", ["d@e.f"], MESSAGE)
    c.quit()
    fields = saved(s)[0][0]
    eq(fields[:3], ["acme", "a@b.c", "ESMTPSA"])
    assert fields[5].startswith("TLSv1.3 TLS_"), fields


def test_implicit_tls(s):
    c = smtplib.SMTP_SSL(*s.port["implicit"], local_hostname="x",
                         context=insecure(), timeout=10)
    c.login("ann", "secret")
    c.sendmail("a@b.c", ["d@e.f"], MESSAGE)
    c.quit()
    eq(saved(s)[0][0][:3], ["beta", "a@b.c", "ESMTPSA"])


def test_tls_required(s):
    c = Raw(s.port["required"])
    c.reply()
    eq(c.ask("EHLO a", "MAIL FROM:<a@b.c>", plain("joe", "secret")),
       ["250", "530", "530"])
    # What came in clear behind STARTTLS is gone, and so is EHLO.
    c.say("STARTTLS", "EHLO b", "NOOP")
    eq(c.reply()[:3], "220")
    c.starttls()
    eq(c.ask("MAIL FROM:<a@b.c>"), ["503"])
    eq(c.ask("EHLO a", plain("joe", "secret"), "MAIL FROM:<a@b.c>"),
       ["250", "235", "250"])
    c.close()


def test_tls_garbage(s):
    c = Raw(s.port["starttls"])
    c.reply()
    eq(c.ask("EHLO a", "STARTTLS"), ["250", "220"])
    c.s.sendall(b"EHLO this is no handshake\r\n")
    c.s.settimeout(5)
    while c.s.recv(1000):
        pass
    c.close()


def test_login_failures(s):
    before = s.stat("authfail")
    for user, word in (("joe", "wrong"), ("nobody", "secret"),
                       ("ann", "secret")):  # of another tenant
        c = Raw(s.port["fixed"])
        c.reply()
        began = time.monotonic()
        eq(c.ask("EHLO a", plain(user, word)), ["250", "535"])
        took = time.monotonic() - began
        assert 0.9 < took < 3, took
        eq(c.ask("NOOP"), ["250"])
        c.close()
    eq(s.stat("authfail"), before + 3)


def test_loop_goes_on_during_login(s):
    slow = [Raw(s.port["authonly"]) for _ in range(20)]
    for k, c in enumerate(slow):
        c.reply()
        c.ask("EHLO a")
        c.say(plain("joe", f"wrong{k}"))
    c = Raw(s.port["fixed"])
    c.reply()
    worst = 0
    for _ in range(50):
        began = time.monotonic()
        eq(c.ask("NOOP"), ["250"])
        worst = max(worst, time.monotonic() - began)
    assert worst < 0.5, worst
    for x in slow:
        eq(x.reply()[:3], "535")
        x.close()
    c.close()


def test_many_logins_are_cheap(s):
    c = Raw(s.port["authonly"])
    c.reply()
    eq(c.ask("EHLO a", plain("joe", "secret")), ["250", "235"])
    c.close()
    cpu = [s.cpu_us()]
    for _ in range(300):
        c = Raw(s.port["authonly"])
        c.reply()
        eq(c.ask("EHLO a", plain("joe", "secret")), ["250", "235"])
        c.close()
    cpu.append(s.cpu_us())
    each = (cpu[1] - cpu[0]) / 300
    print(f"# a login that is known: {each:.0f} us")
    assert each < 3000, each  # a crypt takes longer


def test_lmtp_unix(s):
    c = Raw(os.path.join(DIR, "lmtp"))
    eq(c.reply()[-4:], "LMTP")
    c.say("LHLO a", "MAIL FROM:<a@b.c>", "RCPT TO:<d@e.f>",
          "RCPT TO:<full@e.f>", "RCPT TO:<g@e.f>", "DATA")
    eq([c.reply()[:3] for _ in range(6)],
       ["250", "250", "250", "250", "250", "354"])
    c.say("x: y", "", "z", ".")
    eq([c.reply()[:9] for _ in range(3)],
       ["250 2.0.0", "452 4.2.2", "250 2.0.0"])
    c.close()
    fields, rcpts, content = saved(s)[0]
    eq(fields[2:5], ["LMTP", "a", "unix"])
    eq(content, "x: y\r\n\r\nz\r\n")


def test_pipelined_flights(s):
    """A whole session in one write; replies in order."""
    c = Raw(s.port["fixed"])
    one = ["MAIL FROM:<a@b.c>", "RCPT TO:<d@e.f>", "BDAT 6 LAST", "a: b"]
    c.say("EHLO a", *(one * 50), "QUIT")
    c.reply()
    want = ["250"] + ["250", "250", "250"] * 50 + ["221", ""]
    eq([c.reply()[:3] for _ in want], want)
    c.close()
    assert all(m[2] == "a: b\r\n" for m in saved(s, 50))


def test_refused_sender_and_content(s):
    c = Raw(s.port["fixed"])
    c.reply()
    eq(c.ask("EHLO a", "MAIL FROM:<a@forbidden.test>", "MAIL FROM:<a@b.c>",
             "RCPT TO:<d@e.f>", "DATA"), ["250", "550", "250", "250", "354"])
    c.say("X-Refuse: 1", "", ".")
    eq(c.reply()[:9], "554 5.7.1")
    c.close()
    saved(s, 0)


def test_queue_is_full(s):
    s.ask("full")
    c = Raw(s.port["fixed"])
    c.reply()
    eq(c.ask("EHLO a", "MAIL FROM:<a@b.c>", "RCPT TO:<d@e.f>", "DATA",
             "NOOP"), ["250", "250", "250", "452", "250"])
    c.say("MAIL FROM:<a@b.c>", "RCPT TO:<d@e.f>", "BDAT 6 LAST", "QUIT")
    eq([c.reply()[:3] for _ in range(3)], ["250", "250", "452"])
    s.ask("space")
    eq(c.ask("MAIL FROM:<a@b.c>", "RCPT TO:<d@e.f>", "DATA"),
       ["250", "250", "354"])
    c.close()


def test_rate_of_tenant(s):
    c = Raw(s.port["slow"])
    c.reply()
    c.ask("EHLO a")
    for _ in range(3):
        eq(c.ask("MAIL FROM:<a@b.c>", "RCPT TO:<d@e.f>", "DATA"),
           ["250", "250", "354"])
        eq(c.ask("."), ["250"])
    c.say("MAIL FROM:<a@b.c>")
    eq(c.reply()[:9], "450 4.7.1")
    c.close()
    saved(s, 3)


def test_limits_of_connections(s):
    before = s.stat("refused")
    a, b, c = (Raw(s.port["few"]) for _ in range(3))
    eq([x.reply()[:3] for x in (a, b, c)], ["220", "220", "421"])
    eq(c.reply(), "")
    # Another address has its own count.
    d = Raw(s.port["few"], "127.0.0.7")
    eq(d.reply()[:3], "220")
    a.ask("QUIT")
    e = Raw(s.port["few"])
    eq(e.reply()[:3], "220")
    for x in (a, b, c, d, e):
        x.close()
    c = Raw(s.port["closed"])
    eq(c.reply()[:9], "554 mx.te")
    c.close()
    eq(s.stat("refused"), before + 2)


def test_limits_of_a_session(s):
    c = Raw(s.port["few"], "127.0.0.6")
    c.reply()
    eq(c.ask("EHLO a", "X", "Y"), ["250", "500", "500"])
    c.say("Z")
    eq([c.reply()[:3] for _ in range(3)], ["500", "421", ""])
    c.close()
    c = Raw(s.port["few"], "127.0.0.6")
    c.reply()
    c.ask("EHLO a")
    for _ in range(2):
        c.ask("MAIL FROM:<a@b.c>", "RCPT TO:<d@e.f>", "DATA")
        eq(c.ask("."), ["250"])
    eq(c.ask("MAIL FROM:<a@b.c>") + [c.reply()], ["421", ""])
    c.close()
    saved(s, 2)


def test_timeouts(s):
    c = Raw(s.port["short"])
    c.reply()
    c.s.sendall(b"NO")
    began = time.monotonic()
    eq([c.reply()[:9], c.reply()], ["421 4.4.2", ""])
    assert 0.2 < time.monotonic() - began < 2
    c.close()
    # Content that trickles in is no better.
    c = Raw(s.port["short"])
    c.reply()
    c.ask("EHLO a", "MAIL FROM:<a@b.c>", "RCPT TO:<d@e.f>", "DATA")
    began = time.monotonic()
    c.s.settimeout(0.1)
    got = b""
    while b"421" not in got and time.monotonic() - began < 5:
        try:
            c.s.sendall(b"x\r\n")
            got += c.s.recv(100)
        except socket.timeout:
            pass
    assert 0.4 < time.monotonic() - began < 2, got
    c.close()


def test_smuggling(s):
    c = Raw(s.port["fixed"])
    c.reply()
    c.ask("EHLO a", "MAIL FROM:<a@b.c>", "RCPT TO:<d@e.f>", "DATA")
    c.s.sendall(b"x\n.\nMAIL FROM:<evil@b.c>\r\nRCPT TO:<d@e.f>\r\n"
                b"DATA\r\ny\r\n.\r\n")
    eq(c.reply()[:9], "554 5.6.0")
    eq(c.ask("NOOP"), ["250"])
    c.close()
    saved(s, 0)


def test_client_leaves_after_the_dot(s):
    c = Raw(s.port["fixed"])
    c.reply()
    c.ask("EHLO a", "MAIL FROM:<a@b.c>", "RCPT TO:<d@e.f>", "DATA")
    c.s.sendall(b"x\r\n.\r\n")
    c.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                   b"\x01\0\0\0\0\0\0\0")
    c.close()
    for _ in range(100):
        if s.stat("open") == 0 and s.stat("busy") == 0:
            break
        time.sleep(0.02)
    saved(s, 1)


def test_client_that_does_not_read(s):
    c = Raw(s.port["fixed"])
    c.s.settimeout(2)
    flood = b"NOOP\r\n" * 10000
    sent = 0
    try:
        while sent < 100_000_000:
            sent += c.s.send(flood)
    except socket.timeout:
        pass
    print(f"# took {sent} octets, then no more")
    assert sent < 50_000_000, sent
    d = Raw(s.port["fixed"])
    eq(d.reply()[:3], "220")
    d.close()
    c.close()


def test_many_idle(s):
    kb = [s.rss_kb()]
    cs = [Raw(s.port["fixed"]) for _ in range(300)]
    for c in cs:
        c.reply()
        eq(c.ask("EHLO a"), ["250"])
    kb.append(s.rss_kb())
    print(f"# {(kb[1] - kb[0]) / 300:.1f} KiB a session")
    assert kb[1] - kb[0] < 300 * 16
    for c in cs:
        c.close()


def test_sink(s):
    c = Raw(s.port["plain"])  # nobody's
    c.reply()
    eq(c.ask("EHLO a", "MAIL FROM:<>", "RCPT TO:<d@e.f>",
             "RCPT TO:<bounces@e.f>", "DATA"),
       ["250", "250", "530", "250", "354"])
    eq(c.ask("."), ["250"])
    c.close()
    fields, rcpts, _ = saved(s)[0]
    eq(fields[0], "")
    eq(rcpts, ["bounces@e.f 0 -"])
    c = Raw(s.port["fixed"])  # a tenant's: not both in one message
    c.reply()
    eq(c.ask("EHLO a", "MAIL FROM:<a@b.c>", "RCPT TO:<d@e.f>",
             "RCPT TO:<bounces@e.f>", "RSET", "MAIL FROM:<a@b.c>",
             "RCPT TO:<bounces@e.f>", "RCPT TO:<d@e.f>"),
       ["250", "250", "250", "452", "250", "250", "250", "452"])
    c.close()


def test_reload(s):
    kept = Raw(s.port["fixed"])
    gone = Raw(s.port["old"])
    busy = Raw(s.port["old"])
    user = Raw(s.port["authonly"])
    for c in (kept, gone, busy, user):
        c.reply()
        eq(c.ask("EHLO a"), ["250"])
    eq(user.ask(plain("ann", "secret")), ["235"])
    eq(busy.ask("MAIL FROM:<a@b.c>"), ["250"])
    old = dict(s.port)
    eq(s.ask("reload"), "ok")
    s.ports()
    eq(s.port["fixed"], old["fixed"])
    assert "old" not in s.port
    eq([gone.reply()[:3], gone.reply()], ["421", ""])
    # The new limit is one recipient.
    eq(kept.ask("MAIL FROM:<a@b.c>", "RCPT TO:<d@e.f>", "RCPT TO:<g@e.f>"),
       ["250", "250", "452"])
    # That user is no more.
    eq(user.ask("MAIL FROM:<a@b.c>"), ["530"])
    # A transaction under way ends in peace.
    eq(busy.ask("RCPT TO:<d@e.f>", "DATA"), ["250", "354"])
    busy.say("x", ".")
    eq([busy.reply()[:3] for _ in range(3)], ["250", "421", ""])
    new = Raw(s.port["new"])
    eq(new.reply()[:3], "220")
    try:
        Raw(old["old"])
        raise AssertionError("the old listener is open")
    except ConnectionRefusedError:
        pass
    # One error: nothing changes.
    s.ask("badcert")
    got = s.ask("reload")
    assert got.startswith("failed:") and "/nowhere" in got, got
    eq(new.ask("EHLO a", "MAIL FROM:<a@b.c>"), ["250", "250"])
    for c in (kept, gone, busy, user, new):
        c.close()
    saved(s, 1)


def test_drain(s):
    idle = Raw(s.port["fixed"])
    busy = Raw(s.port["fixed"])
    for c in (idle, busy):
        c.reply()
        c.ask("EHLO a")
    busy.ask("MAIL FROM:<a@b.c>", "RCPT TO:<d@e.f>")
    s.ask("drain")
    eq([idle.reply()[:3], idle.reply()], ["421", ""])
    eq(busy.ask("DATA"), ["354"])
    busy.say("x", ".")
    eq([busy.reply()[:3] for _ in range(3)], ["250", "421", ""])
    try:
        Raw(s.port["fixed"])
        raise AssertionError("a listener is open")
    except ConnectionRefusedError:
        pass
    idle.close()
    busy.close()
    eq(s.stat("open"), 0)
    saved(s, 1)


def main():
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
         "-subj", "/CN=mx.test", "-days", "2",
         "-keyout", os.path.join(DIR, "key.pem"),
         "-out", os.path.join(DIR, "cert.pem")],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    tests = [(n, f) for n, f in globals().items() if n.startswith("test_")]
    failed = 0
    print(f"1..{len(tests)}")
    for k, (name, f) in enumerate(tests, 1):
        server = Server(*(["sink"] if name == "test_sink" else []))
        try:
            f(server)
            if name != "test_drain":
                assert server.p.poll() is None, "the server died"
            server.stop()
            print(f"ok {k} - {name}")
        except Exception as e:  # each test is told apart in the log
            failed += 1
            server.p.kill()
            server.p.wait()
            with open(os.path.join(DIR, "log")) as f:
                for line in f.read().splitlines()[-8:]:
                    print("#", line)
            print(f"not ok {k} - {name}: {type(e).__name__}: {e}")
        sys.stdout.flush()
    shutil.rmtree(DIR, ignore_errors=True)
    sys.exit(failed > 0)


main()
