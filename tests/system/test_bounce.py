#!/usr/bin/python3
"""Delivery reports (RFC 3464) and the DSN parameters (RFC 3461)."""
import email
import email.policy

from facteur_test import *


def make(lab):
    class World:
        pass
    w = World()
    w.lab = lab
    w.back = lab.sink("back.test")
    w.to = lab.sink("to.test")
    w.nodsn = lab.sink("nodsn.test", no="DSN")
    w.ascii = lab.sink("ascii.test", no="SMTPUTF8")
    w.short = lab.sink("short.test", "delay.test")
    w.d = lab.facteurd(sections={
        "site short": {"domains": ["short.test"], "max_age": "4s"},
        "site delay": {"domains": ["delay.test"], "max_age": "16s"},
        "tenant quiet": {"from_domains": ["*"], "bounces": "none"},
        "listen quiet": {"address": "127.0.0.1:%d" % quiet_port,
                         "tenant": "quiet"}})
    w.n = 0
    return w


quiet_port = free_port()


def sender(w):
    """A new return address for each test."""
    w.n += 1
    return "s%d@back.test" % w.n


def report(w, addr, seconds=25):
    """The one report that came to addr, taken apart:
    (message, [fields of the message], [[fields of a recipient]], original)."""
    def here():
        return [m for m in w.back.mails() if addr in m["rcpt"]]
    m = wait(here, seconds, "a report to " + addr)[0]
    eq(m["sender"], "", "sender of a report")
    msg = email.message_from_bytes(m["content"], policy=email.policy.SMTP)
    eq(msg.get_content_type(), "multipart/report")
    # RFC 6533 where there are UTF-8 addresses
    kind = msg.get_param("report-type")
    assert kind in ("delivery-status", "global-delivery-status")
    eq(msg["Auto-Submitted"].split(" ")[0].rstrip(";"), "auto-replied")
    assert addr in msg["To"] and msg["Date"] and msg["Message-ID"]
    parts = list(msg.iter_parts())
    eq([p.get_content_type() for p in parts][:2],
       ["text/plain", "message/" + kind])
    eq(msg.defects, [])
    status = parts[1].get_payload()
    if kind != "delivery-status": # the library does not know it
        status += [email.message_from_string(b) for b in re.split(
            r"\r?\n\r?\n", status[0].get_payload().strip())]
    return msg, status[0], status[1:], parts[2]


def none(w, addr, seconds=3):
    time.sleep(seconds)
    eq([m for m in w.back.mails() if addr in m["rcpt"]], [])


@test
def a_refused_recipient_is_reported(w):
    s = sender(w)
    content = message(rcpt="bad1@to.test", sender=s)
    eq(submit(w.d.port, s, "bad1@to.test", content)[:3], "250")
    msg, head, rcpts, orig = report(w, s)
    assert head["Reporting-MTA"].replace(" ", "") == "dns;mta.sender.test"
    assert email.utils.parsedate_to_datetime(head["Arrival-Date"])
    eq(len(rcpts), 1)
    r = rcpts[0]
    eq((r["Action"], r["Status"]), ("failed", "5.1.1"))
    eq(r["Final-Recipient"].replace(" ", ""), "rfc822;bad1@to.test")
    assert "mx.to.test" in r["Remote-MTA"]
    assert "550 5.1.1 no such user" in r["Diagnostic-Code"]
    assert b"Subject: test" in orig.as_bytes()
    text = next(msg.iter_parts()).get_content()
    assert "bad1@to.test" in text and "no such user" in text


@test
def ret_envid_and_orcpt_are_honoured(w):
    for ret, kind in (("HDRS", "text/rfc822-headers"),
                      ("FULL", "message/rfc822")):
        s = sender(w)
        eq(submit(w.d.port, s, "bad2%s@to.test" % ret,
                  message(sender=s, body=b"secret body\r\n"),
                  mail="RET=%s ENVID=env+2B%s" % (ret, ret),
                  rcpt="NOTIFY=FAILURE ORCPT=rfc822;old+2Bme@x.test")[:3],
           "250")
        _, head, rcpts, orig = report(w, s)
        eq(head["Original-Envelope-Id"], "env+" + ret)
        eq(rcpts[0]["Original-Recipient"].replace(" ", ""),
           "rfc822;old+me@x.test")
        eq(orig.get_content_type(), kind)
        eq(b"secret body" in orig.as_bytes(), ret == "FULL")


@test
def the_null_sender_is_never_answered(w):
    before = len(w.back.mails())
    eq(submit(w.d.port, "", "bad3@to.test",
              message(sender="s@back.test"))[:3], "250")
    w.d.outcome("bad3@to.test", "bounced")
    time.sleep(2)
    eq(len(w.back.mails()), before)


@test
def a_refused_report_is_not_reported(w):
    s = "bad4@back.test"
    eq(submit(w.d.port, s, "bad4@to.test", message(sender=s))[:3], "250")
    w.d.outcome("bad4@to.test", "bounced")
    w.d.outcome(s, "bounced")
    time.sleep(2)
    eq(len(w.d.accounting(recipient=s)), 1)


@test
def notify_never_means_never(w):
    s = sender(w)
    submit(w.d.port, s, "bad5@to.test", message(sender=s),
           rcpt="NOTIFY=NEVER")
    w.d.outcome("bad5@to.test", "bounced")
    none(w, s)


@test
def notify_success_only_is_silent_about_failure(w):
    s = sender(w)
    submit(w.d.port, s, "bad6@to.test", message(sender=s),
           rcpt="NOTIFY=SUCCESS")
    w.d.outcome("bad6@to.test", "bounced")
    none(w, s)


@test
def success_to_a_peer_without_dsn_is_reported_as_relayed(w):
    s = sender(w)
    submit(w.d.port, s, "u7@nodsn.test", message(sender=s),
           rcpt="NOTIFY=SUCCESS,FAILURE")
    _, _, rcpts, _ = report(w, s)
    eq((rcpts[0]["Action"], rcpts[0]["Status"][0]), ("relayed", "2"))
    eq([p for p in w.nodsn.mails()[-1]["rcpt_params"][0]
        if p.upper().startswith(("NOTIFY", "ORCPT"))], [])


@test
def a_peer_with_dsn_gets_the_parameters(w):
    s = sender(w)
    submit(w.d.port, s, "u8@to.test", message(sender=s),
           mail="RET=HDRS ENVID=e8",
           rcpt="NOTIFY=SUCCESS,DELAY ORCPT=rfc822;o8@x.test")
    w.d.outcome("u8@to.test", "sent")
    m = [m for m in w.to.mails() if m["rcpt"] == ["u8@to.test"]][0]
    assert {"RET=HDRS", "ENVID=e8"} <= set(m["mail_params"])
    assert "ORCPT=rfc822;o8@x.test" in m["rcpt_params"][0]
    n = [p for p in m["rcpt_params"][0] if p.startswith("NOTIFY=")][0]
    eq(set(n[7:].split(",")), {"SUCCESS", "DELAY"})
    none(w, s, 2)


@test
def an_expired_recipient_is_reported(w):
    s = sender(w)
    submit(w.d.port, s, "later.999.a@short.test", message(sender=s))
    _, _, rcpts, _ = report(w, s, 40)
    eq(rcpts[0]["Action"], "failed")
    assert rcpts[0]["Status"][0] in "45"
    first = w.d.accounting(recipient="later.999.a@short.test")[0]
    eq(first["event"], "deferred")
    w.d.outcome("later.999.a@short.test", "expired")


@test
def delay_is_reported_where_it_was_asked_for(w):
    s = sender(w)
    submit(w.d.port, s, "later.999.b@delay.test", message(sender=s),
           rcpt="NOTIFY=DELAY")
    _, _, rcpts, _ = report(w, s, 20)
    eq((rcpts[0]["Action"], rcpts[0]["Status"][0]), ("delayed", "4"))


@test
def an_address_a_peer_cannot_take_bounces(w):
    s = sender(w)
    c = Client(w.d.port)
    c.hello()
    r = c.send(s, ["jõgeva@ascii.test"], message(sender=s),
               mail="SMTPUTF8 BODY=8BITMIME")
    eq(r[-1][:3], "250")
    c.close()
    _, _, rcpts, _ = report(w, s)
    eq((rcpts[0]["Action"], rcpts[0]["Status"]), ("failed", "5.6.7"))


@test
def each_recipient_of_a_message_by_itself(w):
    s = sender(w)
    c = Client(w.d.port)
    c.hello()
    c.send(s, ["u9@to.test", "bad9a@to.test", "bad9b@to.test"],
           message(sender=s))
    c.close()

    def both():
        got = set()
        for m in w.back.mails():
            if s in m["rcpt"]:
                got |= set(re.findall(rb"Final-Recipient: ?rfc822; ?(\S+)",
                                      m["content"]))
        return got == {b"bad9a@to.test", b"bad9b@to.test"}
    wait(both, 25, "both reports")
    w.d.outcome("u9@to.test", "sent")


@test
def a_tenant_without_bounces_gets_none(w):
    s = sender(w)
    eq(submit(quiet_port, s, "bad10@to.test", message(sender=s))[:3], "250")
    w.d.outcome("bad10@to.test", "bounced")
    none(w, s)


main(make)
