#!/usr/bin/python3
"""The conformance dialogues of conf.smtp."""
from facteur_test import *


def make(lab):
    lab.sink("rcvd.test")
    return lab.facteurd()


@test
def twenty_three_of_twenty_three(d):
    r = subprocess.run([sys.executable, "-B", os.path.join(HERE, "smtpcheck.py"),
                        os.path.join(HERE, "conf.smtp"), "127.0.0.1",
                        str(d.port)], stdout=subprocess.PIPE)
    for line in r.stdout.decode().splitlines():
        print("# " + line)
    assert b"23 passed, 0 failed" in r.stdout


@test
def smuggling_is_refused(d):
    tail = (b"MAIL FROM:<evil@x.test>\r\nRCPT TO:<victim@rcvd.test>\r\n"
            b"DATA\r\nSubject: smuggled\r\n\r\n.\r\n")
    for end in (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r",
                b"\r.\r\n", b"\n\n.\n\n"):
        c = Client(d.port)
        c.hello()
        for line in ("MAIL FROM:<a@x.test>", "RCPT TO:<u@rcvd.test>"):
            eq(c.cmd(line)[:1], "2")
        eq(c.cmd("DATA")[:3], "354")
        c.write(b"Subject: outer\r\n\r\nx" + end + tail)
        try:
            eq(c.reply()[:1], "5", repr(end))
        except ClientError:
            pass
        c.close()
    time.sleep(1)
    eq([m for s in d.lab.sinks.values() for m in s.mails() if m["sender"] != "a@conf.test"], [])


@test
def a_refused_bdat_is_still_consumed(d):
    c = Client(d.port)
    c.hello()
    c.write(b"BDAT 12 LAST\r\nQUIT\r\nQUIT\r\nNOOP\r\n")
    eq(c.reply()[:1], "5")
    eq(c.reply()[:3], "250")
    c.close()


@test
def bdat_delivers(d):
    c = Client(d.port)
    assert "CHUNKING" in c.hello() and "BINARYMIME" not in c.ehlo
    body = message(body=b".dot\r\n..two\r\n")
    c.write(b"MAIL FROM:<a@x.test>\r\nRCPT TO:<u@rcvd.test>\r\nBDAT 10\r\n"
            + body[:10] + b"BDAT %d\r\n" % (len(body) - 10) + body[10:]
            + b"BDAT 0 LAST\r\n")
    eq([c.reply()[:3] for _ in range(5)], ["250"] * 5)
    c.close()
    sink = d.lab.sinks["rcvd.test"]
    m = wait(lambda: [m for m in sink.mails() if m["sender"] == "a@x.test"],
             20, "the mail")[0]
    eq(split_added(m["content"])[1], body)


@test
def slow_and_silent_clients_hold_nobody_up(d):
    idle = [Client(d.port) for _ in range(100)]
    for c in idle:
        c.write(b"EHLO")
    t0 = time.monotonic()
    eq(submit(d.port, "a@x.test", "u@rcvd.test", message())[:3], "250")
    assert time.monotonic() - t0 < 2
    for c in idle:
        c.close()


@test
def limits_end_a_connection(d):
    c = Client(d.port)
    c.hello()
    try:
        codes = [c.cmd("XYZZY")[:3] for _ in range(100)]
    except ClientError:
        codes = ["closed"]
    assert codes[-1] in ("421", "closed") or "421" in codes, codes[-1]
    c.close()


main(make)
