"""What contrib/try runs once all is built: a laboratory with name server, sinks and a private facteurd, and a campaign through it."""
import os
import smtplib
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TOP, "tests", "system"), os.path.join(TOP, "tests", "bench")]
import facteur_test as ft  # noqa: E402
import personalise  # noqa: E402

DOMAINS = ["lavande.test", "olivier.test", "romarin.test", "thym.test", "basilic.test"]
SESSIONS = 10
SAMPLE = 10
TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """Of a process and its living children."""
    total = 0.0
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{p}/stat") as f:
                s = f.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(p) == pid or int(s[1]) == pid:
            total += (int(s[11]) + int(s[12])) / TICK
    return total


def message(seq):
    encoding = ("8bit", "quoted-printable", "base64")[seq % 3]
    to = f"u{seq}@{DOMAINS[seq % len(DOMAINS)]}"
    data = personalise.message(seq, encoding)
    return to, data.replace(b"To: <u%d@d%d.test>" % (seq, seq % 100 + 1), b"To: <%s>" % to.encode(), 1)


class Submission:
    def __init__(self, port, count):
        self.port, self.count = port, count
        self.accepted, self.refused = 0, []
        self.lock = threading.Lock()

    def session(self, first):
        try:
            c = smtplib.SMTP("127.0.0.1", self.port, timeout=60)
            c.ehlo("shop.sender.test")
            for seq in range(first, self.count, SESSIONS):
                to, data = message(seq)
                c.sendmail("news@sender.test", [to], data, mail_options=["BODY=8BITMIME"])
                with self.lock:
                    self.accepted += 1
            c.quit()
        except (OSError, smtplib.SMTPException) as e:
            with self.lock:
                self.refused.append(repr(e))

    def start(self):
        self.threads = [threading.Thread(target=self.session, args=(i,), daemon=True) for i in range(SESSIONS)]
        for t in self.threads:
            t.start()

    def over(self):
        return not any(t.is_alive() for t in self.threads)


def show(sub, delivered, end=""):
    bar = "#" * (delivered * 40 // sub.count)
    print(f"\r  [{bar:40s}] accepted {sub.accepted:5d}  delivered {delivered:5d}", end=end, flush=True)


def verify(lab, sinks, keys):
    """DKIM of a sample by an independent verifier: how many of it passed."""
    sample = []
    for s in sinks:
        sample += s.mails()[:SAMPLE // len(sinks)]
    good = 0
    for i, m in enumerate(sample):
        path = lab.path("r", f"sample{i}")
        with open(path, "wb") as f:
            f.write(m["content"])
        r = subprocess.run(["/usr/bin/python3", os.path.join(TOP, "tests/system/dkim/dv_py.py"), path, keys],
                           capture_output=True)
        good += r.returncode == 0
    return good, len(sample)


def campaign(lab, count):
    key = lab.path("d", "dkim.pem")
    ft.run(["openssl", "genrsa", "-traditional", "-out", key, "2048"])
    public = "".join(ft.run(["openssl", "rsa", "-in", key, "-pubout"]).split("-----")[2].split())
    keys = lab.path("r", "keys")
    with open(keys, "w") as f:
        f.write(f"s1._domainkey.sender.test v=DKIM1; k=rsa; p={public}\n")
    if lab.root:
        os.chown(key, lab.nobody.pw_uid, -1)
    sinks = [lab.sink(d) for d in DOMAINS]
    daemon = lab.facteurd(sections={"dkim s1": {"domain": "sender.test", "selector": "s1", "key": key},
                                    "log": {"level": "info"}})
    print(f"facteurd runs with its own Redis; {SESSIONS} sessions submit {count} newsletters of about 45 KiB to {len(DOMAINS)} domains")
    sub = Submission(daemon.port, count)
    cpu, began = cpu_seconds(daemon.proc.pid), time.monotonic()
    sub.start()
    delivered, last = 0, began
    while delivered < count and not (sub.over() and time.monotonic() - last > 30):
        now = sum(1 for e in ft.json_lines(daemon.accounting_path) if e["event"] == "sent")
        if now != delivered:
            delivered, last = now, time.monotonic()
        show(sub, delivered)
        if sub.over() and delivered >= sub.accepted:
            break
        time.sleep(0.25)
    seconds = time.monotonic() - began
    show(sub, delivered, "\n")
    cpu = cpu_seconds(daemon.proc.pid) - cpu
    arrived = len({r for s in sinks for m in s.events("mail") for r in m["rcpt"]})
    good, sample = verify(lab, sinks, keys)
    lab.end(daemon.proc, seconds=30)
    return sub, delivered, arrived, good, sample, seconds, cpu


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    lab = ft.Lab()
    try:
        sub, delivered, arrived, good, sample, seconds, cpu = campaign(lab, count)
    finally:
        lab.close()
    print(f"""
  accepted       {sub.accepted} of {count}
  delivered      {delivered}, {arrived} different recipients at the sinks
  rate           {delivered / seconds:.0f} messages a second (the submitting Python sets the pace)
  DKIM           {good} of a sample of {sample} verified by dkimpy
  CPU            {cpu * 1000 / max(1, delivered):.2f} ms a message, facteurd and Redis, signing included
""")
    for r in sub.refused[:5]:
        print("  refused:", r)
    ok = sub.accepted == delivered == arrived == count and good == sample > 0 and not sub.refused
    print("all arrived" if ok else "NOT all is well: see above")
    sys.exit(0 if ok else 1)


main()
