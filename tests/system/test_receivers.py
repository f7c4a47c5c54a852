#!/usr/bin/python3
"""Real and hostile receivers: Postfix, Dovecot behind it, smtp-sink, and a
scripted MX that refuses, drops, stalls and babbles."""
from receivers import *

BOUNCES = os.path.join(CORPORA, "bounces.tsv")
MODES = ("banner554", "banner421", "nobanner", "noehlo", "starttls-fail",
         "garbage")


# What a recipient of the scripted MX chooses, and what must come of it.
DIALOGUES = {
    "c5.550": ("bounced", 550), "c4.451": ("deferred", 451),
    "c4.450": ("deferred", 450), "c5.554": ("bounced", 554),
    "multi-rcpt": ("bounced", 550), "421-rcpt": ("deferred", 421),
    "drop-rcpt": ("deferred", None), "drop-data": ("deferred", None),
    "drop-eod": ("deferred", None), "stall-rcpt": ("deferred", None),
    "stall-eod": ("deferred", None), "slow-rcpt": ("deferred", None),
}


def slug(local):
    return local.replace(".", "-")


def make(lab):
    class World:
        pass
    w = World()
    w.lab = lab
    w.sink = lab.sink("plain.test")
    w.many = lab.sink("many.test", max_rcpt=3)
    w.mx = lab.fakemx("mx.test")
    w.nopipe = lab.fakemx("nopipe.test", "--no-pipelining")
    for local in DIALOGUES: # a site each, so that none is held for another
        lab.domain(slug(local) + ".mx.test", w.mx.host)
        lab.domain(slug(local) + ".nopipe.test", w.nopipe.host)
    w.modes = {m: lab.fakemx(m + ".test", "--mode", m, *(
        ("--cert", lab.cert, "--key", lab.key) if m == "starttls-fail"
        else ())) for m in MODES}
    w.tls = lab.fakemx("tls.test", "--cert", lab.cert, "--key", lab.key)
    w.smtp_sink = SmtpSink(lab, "smtpsink.test")
    w.no8 = SmtpSink(lab, "smtpsink8.test", "-8")
    if os.path.exists(BOUNCES):
        lab.fakemx("tsv.test", "--tsv", BOUNCES)
    if lab.root:
        w.postfix = Postfix(lab, "postfix.test")
        w.dovecot = Dovecot(lab)
        w.relay = Postfix(lab, "dovecot.test",
                          "lmtp:unix:" + w.dovecot.socket)
    lab.record("null.test", "MX", "0 .")
    lab.record("nomx.test", "A", w.sink.host)
    lab.record("dangling.test", "MX", "10 nowhere.dangling.test")
    # the first MX refuses connections, the second takes the mail
    lab.record("second.test", "MX", "10 down.second.test")
    lab.record("second.test", "MX", "20 up.second.test")
    lab.record("down.second.test", "A", lab.host())
    lab.record("up.second.test", "A", w.sink.host)
    # two domains with the same MX
    lab.record("alias.test", "MX", "10 mx.plain.test")
    w.d = lab.facteurd()
    w.n = 0
    return w


def go(w, rcpt, body=b"Hello\r\n.dot\r\nend\r\n", **kw):
    content = message(rcpt=rcpt if isinstance(rcpt, str) else rcpt[0],
                      body=body)
    eq(submit(w.d.port, "news@sender.test", rcpt, content, **kw)[:3], "250")
    return content


@test
def postfix_takes_and_keeps(w):
    if not w.lab.root:
        raise Skip("Postfix needs root")
    content = go(w, "u@postfix.test", ("ä %s\r\n" % ("x" * 900)).encode())
    a = w.d.outcome("u@postfix.test", "sent")
    assert a["tls"].startswith("TLSv1.3"), a
    mail = wait(w.postfix.mails, 10, "the mailbox")[0]
    assert mail.endswith(content.split(b"\r\n\r\n", 1)[1].replace(
        b"\r\n", b"\n")), mail


@test
def postfix_refuses(w):
    if not w.lab.root:
        raise Skip("Postfix needs root")
    go(w, ["refused@postfix.test", "ok@postfix.test"])
    a = w.d.outcome("refused@postfix.test", "bounced")
    eq((a["code"], a["enhanced"]), (550, "5.1.1"))
    w.d.outcome("ok@postfix.test", "sent")


@test
def dovecot_takes_what_postfix_passes_on(w):
    if not w.lab.root:
        raise Skip("Dovecot needs root")
    content = go(w, "u@dovecot.test", "Grüße\r\n.\r\n..\r\n".encode())
    w.d.outcome("u@dovecot.test", "sent")
    mail = wait(w.dovecot.mails, 20, "the mailbox")[0]
    assert mail.endswith(content.split(b"\r\n\r\n", 1)[1].replace(
        b"\r\n", b"\n")), mail


@test
def smtp_sink_takes_two_hundred(w):
    jobs = [("news@sender.test", ["u%d@smtpsink.test" % i],
             message(rcpt="u%d@smtpsink.test" % i)) for i in range(200)]
    eq({r[:3] for r in submit_many(w.d.port, jobs)}, {"250"})
    wait(lambda: len(w.d.accounting(event="sent", site=w.d.outcome(
        "u0@smtpsink.test", "sent")["site"])) >= 200, 30, "200 sent")
    texts = wait(lambda: w.smtp_sink.contents() if len(
        w.smtp_sink.contents()) >= 1 else None, 5)
    got = b"".join(texts)
    for i in range(200):
        assert b"To: <u%d@smtpsink.test>\n" % i in got, i


@test
def a_peer_without_8bitmime_gets_seven_bits(w):
    content = message(rcpt="u@smtpsink8.test", body="ä €\r\n".encode(),
                      headers=[("Content-Transfer-Encoding", "8bit")])
    eq(submit(w.d.port, "a@sender.test", "u@smtpsink8.test", content,
              mail="BODY=8BITMIME")[:3], "250")
    w.d.outcome("u@smtpsink8.test", "sent")
    text = wait(w.no8.contents, 5, "the file")[0]
    assert max(text) < 128
    part = text[text.index(b"Received: from"):]
    m = email_of(part)
    eq(m.get_payload(decode=True).strip(), "ä €".encode())


def email_of(data):
    import email
    return email.message_from_bytes(data)


@test
def fakemx_sees_a_clean_wire(w):
    body = b".\r\n..\r\n.x\r\n" + b"y" * 5000 + b"\r\n\r\n"
    for d in ("mx.test", "nopipe.test", "tls.test"):
        go(w, "clean@" + d, body)
        w.d.outcome("clean@" + d, "sent")
    for m in (w.mx, w.nopipe, w.tls):
        e = m.events("data")[-1]
        eq([e["check"][k] for k in ("bare_lf", "bare_cr", "nul", "undot")],
           [0, 0, 0, 0])
    eq(w.tls.events("data")[-1]["tls"], True)


def dialogue(local, want, code):
    def f(w):
        for d in ("mx.test", "nopipe.test"):
            rcpt = "%s@%s.%s" % (local, slug(local), d)
            go(w, rcpt)
            a = w.d.outcome(rcpt, want, 25)
            if code:
                eq(a["code"], code, rcpt)
            other = "bounced" if want == "deferred" else "deferred"
            eq(w.d.accounting(recipient=rcpt, event=other), [])
            eq(w.d.accounting(recipient=rcpt, event="sent"), [])
    f.__name__ = "dialogue_" + local.replace(".", "_").replace("-", "_")
    return test(f)


for _local, (_want, _code) in DIALOGUES.items():
    dialogue(_local, _want, _code)


@test
def refused_and_taken_in_one_transaction(w):
    rcpts = ["ok1@mx.test", "c5.550@mx.test", "ok2@mx.test", "c4.451@mx.test"]
    before = len(w.d.accounting(recipient="c5.550@mx.test", event="bounced"))
    go(w, rcpts)
    for r in ("ok1@mx.test", "ok2@mx.test"):
        w.d.outcome(r, "sent")
    wait(lambda: len(w.d.accounting(recipient="c5.550@mx.test",
                                    event="bounced")) > before, 20, "bounce")
    got = [r for e in w.mx.events("data") for r in e["rcpt"]]
    eq((got.count("ok1@mx.test"), got.count("ok2@mx.test")), (1, 1))


@test
def labelled_replies_of_real_servers(w):
    if not os.path.exists(BOUNCES):
        raise Skip("corpora absent")
    import csv
    with open(BOUNCES) as f:
        rows = list(csv.DictReader(f, delimiter="\t",
                                   quoting=csv.QUOTE_NONE))
    picked = [i for i, r in enumerate(rows, 1)
              if re.match(r"[45]\d\d[ -]", r["text"])][::40][:25]
    for stage in ("rcpt", "eod"):
        for i in picked:
            go(w, "%s.%d@tsv.test" % (stage, i))
        for i in picked:
            rcpt, code = "%s.%d@tsv.test" % (stage, i), int(
                rows[i - 1]["text"][:3])

            def done():
                return [a for a in w.d.accounting(recipient=rcpt)
                        if a["event"] in ("bounced", "deferred")]
            a = wait(done, 30, rcpt)[-1]
            eq(a["code"], code, rcpt)
            if code // 100 == 4 and a["event"] != "deferred":
                print("# %s: %s became a bounce" % (rcpt,
                                                    rows[i - 1]["text"]))


def mode(name, want):
    def f(w):
        rcpt = "u@%s.test" % name
        go(w, rcpt)
        a = wait(lambda: [x for x in w.d.accounting(recipient=rcpt)
                          if x["event"] in want], 20, "%s of %s" % (want,
                                                                    rcpt))
        if a[-1]["event"] == "sent":
            eq(len(w.modes[name].events("data")), 1)
    f.__name__ = "mode_" + name.replace("-", "_")
    return test(f)


for _name, _want in {"banner554": ("deferred", "bounced"),
                     "banner421": ("deferred",), "nobanner": ("deferred",),
                     "noehlo": ("sent",), "starttls-fail": ("sent",),
                     "garbage": ("deferred",)}.items():
    mode(_name, _want)


@test
def names(w):
    for rcpt, want in (("u@null.test", "bounced"), ("u@nomx.test", "sent"),
                       ("u@dangling.test", "bounced"),
                       ("u@nxdomain.test", "bounced"),
                       ("u@second.test", "sent"), ("u@alias.test", "sent")):
        go(w, rcpt)
        if rcpt == "u@dangling.test":
            wait(lambda: w.d.accounting(recipient="u@dangling.test"), 20,
                 "an outcome")
        else:
            w.d.outcome(rcpt, want)
    eq(w.d.outcome("u@null.test", "bounced")["enhanced"], "5.1.10")


@test
def a_peer_with_a_limit_of_recipients(w):
    rcpts = ["m%d@many.test" % i for i in range(10)]
    go(w, rcpts)
    wait(lambda: sorted(r for m in w.many.mails() for r in m["rcpt"]) ==
         sorted(rcpts), 30, "all ten once")


@test
def later_means_again(w):
    go(w, "later.2@plain.test")
    w.d.outcome("later.2@plain.test", "sent", 30)
    eq(len(w.d.accounting(recipient="later.2@plain.test",
                          event="deferred")), 2)
    eq([m["rcpt"] for m in w.sink.mails()].count(["later.2@plain.test"]), 1)


@test
def a_dead_host_and_a_full_one_delay_no_other(w):
    for i in range(20):
        go(w, "x%d@nobanner.test" % i)
    t0 = time.monotonic()
    for i in range(50):
        go(w, "quick%d@plain.test" % i)
    wait(lambda: len([1 for m in w.sink.mails() for r in m["rcpt"]
                      if r.startswith("quick")]) >= 50, 10, "the other site")
    assert time.monotonic() - t0 < 8


main(make)
