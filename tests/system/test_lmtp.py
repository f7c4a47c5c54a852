#!/usr/bin/python3
"""LMTP over TCP and over a unix socket: one reply for each recipient."""
from facteur_test import *


def make(lab):
    lab.sink("rcvd.test")
    return lab.facteurd()


def places(d):
    return (d.lmtp_port, d.lmtp_path)


@test
def one_reply_for_each_recipient(d):
    for n, at in enumerate(places(d)):
        c = Client(at, lmtp=True)
        c.hello()
        rcpts = ["r%d.%d@rcvd.test" % (n, i) for i in range(3)]
        r = c.send("a@x.test", rcpts, message())
        eq([x[:3] for x in r], ["250"] * 4 + ["354"] + ["250"] * 3)
        c.quit()
    d.lab.sinks["rcvd.test"].wait(6)


@test
def ehlo_and_helo_are_not_lmtp(d):
    for at in places(d):
        c = Client(at, lmtp=True)
        eq(c.cmd("EHLO x.test")[:1], "5")
        eq(c.cmd("HELO x.test")[:1], "5")
        eq(c.cmd("LHLO x.test")[:3], "250")
        c.close()
    c = Client(d.port)
    eq(c.cmd("LHLO x.test")[:1], "5")
    c.close()


@test
def a_refused_recipient_gets_no_second_reply(d):
    for at in places(d):
        c = Client(at, lmtp=True)
        c.hello()
        r = c.send("a@x.test", ["one@rcvd.test", "no@@bad", "two@rcvd.test"],
                   message())
        eq([x[0] for x in r], ["2", "2", "5", "2", "3", "2", "2"])
        eq(c.cmd("NOOP")[:3], "250")
        c.close()


@test
def bdat_answers_each_recipient_after_last_only(d):
    for at in places(d):
        c = Client(at, lmtp=True)
        c.hello()
        body = message()
        c.write(b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b1@rcvd.test>\r\n"
                b"RCPT TO:<b2@rcvd.test>\r\nBDAT %d\r\n" % len(body) + body
                + b"BDAT 0 LAST\r\nNOOP\r\n")
        eq([c.reply()[:3] for _ in range(3)], ["250"] * 3)
        eq(c.reply()[:3], "250", "first chunk")
        eq([c.reply()[:3] for _ in range(2)], ["250"] * 2, "after LAST")
        eq(c.reply()[:3], "250", "NOOP")
        c.close()


@test
def newsletters_by_lmtp_arrive(d):
    sink = d.lab.sinks["rcvd.test"]
    c = Client(d.lmtp_path, lmtp=True)
    c.hello()
    want = {}
    for i in range(100):
        to = "n%d@rcvd.test" % i
        body = message(rcpt=to, body=b"Hello number %d\r\n" % i * 50)
        want[to] = body
        r = c.send("news@sender.test", [to], b"X-Campaign: lmtp\r\n" + body)
        eq(r[-1][:3], "250")
    c.close()
    wait(lambda: set(want) <= {m["rcpt"][0] for m in sink.mails()}, 20,
         "100 mails")
    for m in sink.mails():
        if m["rcpt"][0] in want:
            eq(split_added(m["content"])[1], want.pop(m["rcpt"][0]))
    eq(want, {})


main(make)
