#!/usr/bin/python3
"""A campaign of 1,000 personalised newsletters over SMTP: every one arrives
once, byte for byte but for the fields on top, and its signatures verify."""
import email.charset
import email.generator
import email.header
import email.mime.multipart
import email.mime.text
import email.policy
import io
import random

from facteur_test import *

N = 1000
DOMAINS = ["a.test", "b.test", "c.test", "d.test", "e.test"]
CONTROL = [b"X-Campaign: spring", b"X-List: weekly"]
ENCODINGS = {"base64": email.charset.BASE64, "qp": email.charset.QP,
             "8bit": None}


def page_of(page, i, name):
    """The page with a name and unique links, as marketing tools do it."""
    text = page.decode("utf-8", "replace").replace("\r\n", "\n")
    links = [0]

    def link(m):
        links[0] += 1
        return 'href="https://t.sender.test/c/%08x%04d"' % (
            i * 2654435761 % 2**32, links[0])
    text = re.sub(r'href="[^"]*"', link, text)
    return text.replace("<body", "<!-- for %s --><body" % name, 1)


def newsletter(i, pages, how):
    rng = random.Random(i)
    name = "Käthe %d" % i if rng.random() < 0.3 else "Ann %d" % i
    rcpt = "user%d@%s" % (i, DOMAINS[i % len(DOMAINS)])
    cs = email.charset.Charset("utf-8")
    cs.body_encoding = ENCODINGS[how]
    m = email.mime.multipart.MIMEMultipart(
        "alternative", boundary="=-spring-boundary")
    m["Date"] = "Tue, 24 Nov 2026 08:00:00 +0000"
    m["From"] = "Shop <news@sender.test>"
    m["To"] = "%s <%s>" % (email.header.Header(name, "utf-8").encode(), rcpt)
    m["Subject"] = email.header.Header(
        "Für dich, %s" % name, "utf-8").encode()
    m["Message-ID"] = "<n%d@sender.test>" % i
    m["List-Unsubscribe"] = "<https://t.sender.test/u/%d>" % i
    m["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    text = "Hello %s,\n\nread this: https://t.sender.test/r/%d\n" % (name, i)
    html = page_of(pages[i % 4][1], i, name)
    for body, sub in ((text, "plain"), (html, "html")):
        p = email.mime.text.MIMEText("", sub, "utf-8")
        del p["Content-Transfer-Encoding"]
        p.set_payload(body, cs)
        m.attach(p)
    out = io.BytesIO()
    email.generator.BytesGenerator(out, policy=email.policy.compat32.clone(
        linesep="\r\n", max_line_length=None)).flatten(m)
    return rcpt, out.getvalue()


def make(lab):
    class World:
        pass
    w = World()
    w.lab = lab
    w.pages = newsletters()
    rng = random.Random(1)
    w.pages = rng.sample(w.pages, 4)
    w.sinks = [lab.sink("a.test", "b.test"),
               lab.sink("c.test", "d.test", no="CHUNKING"),
               lab.sink("e.test", tls=True)]
    w.keys, dkim = [], {}
    for kind, sel in (("rsa", "r1"), ("ed25519", "e1")):
        section, line = make_dkim(lab, "sender.test", sel, kind)
        dkim["dkim " + sel] = section
        w.keys.append(line)
    w.d = lab.facteurd(sections=dkim)
    w.want = {}
    return w


@test
def all_are_accepted(w):
    jobs = []
    for i in range(N):
        rcpt, content = newsletter(i, w.pages, list(ENCODINGS)[i % 3])
        w.want[rcpt] = content
        jobs.append(("bounce-%d@sender.test" % i, [rcpt],
                     b"\r\n".join(CONTROL) + b"\r\n" + content))
    t0 = time.monotonic()
    replies = submit_many(w.d.port, jobs, connections=20)
    w.t_in = time.monotonic() - t0
    eq([r for r in replies if not (r or "").startswith("250")], [])
    print("# %d messages of %d KB in %.1f s" % (
        N, sum(len(j[2]) for j in jobs) // N // 1024, w.t_in))


@test
def every_one_arrives_once(w):
    wait(lambda: sum(s.count() for s in w.sinks) >= N, 120, "all mails")
    time.sleep(1)
    w.got = {}
    for s in w.sinks:
        eq(s.events("wire"), [])
        for m in s.mails():
            for r in m["rcpt"]:
                w.got.setdefault(r, []).append(m)
    eq(sorted(w.got), sorted(w.want))
    eq([r for r, ms in w.got.items() if len(ms) != 1], [])


@test
def envelopes_are_as_given(w):
    for i, rcpt in enumerate(w.want):
        eq(w.got[rcpt][0]["sender"], "bounce-%d@sender.test" % i)


@test
def contents_are_byte_exact(w):
    for rcpt, want in w.want.items():
        added, rest = split_added(w.got[rcpt][0]["content"])
        eq(rest, want, rcpt)
        names = [a.split(b":")[0].lower() for a in added]
        eq((names.count(b"dkim-signature"), names.count(b"received")), (2, 1))


@test
def chunking_and_tls_were_used_where_offered(w):
    eq({m["bdat"] for m in w.sinks[0].mails()}, {True})
    eq({m["bdat"] for m in w.sinks[1].mails()}, {False})
    eq({m["tls"] for m in w.sinks[2].mails()}, {True})


@test
def connections_are_reused(w):
    for s in w.sinks:
        assert len(s.events("open")) < s.count() / 4, len(s.events("open"))


@test
def signatures_verify_on_a_sample(w):
    for i in (0, 1, 2, 333, 999):
        rcpt = "user%d@%s" % (i, DOMAINS[i % len(DOMAINS)])
        verify_dkim(w.lab, w.got[rcpt][0]["content"], w.keys)


@test
def accounting_has_a_line_for_each(w):
    wait(lambda: len(w.d.accounting(event="sent")) >= N, 10, "accounting")
    lines = w.d.accounting(event="sent")
    eq(sorted(a["recipient"] for a in lines), sorted(w.want))
    eq({(a["tenant"], a["campaign"], a["list"]) for a in lines},
       {("shop", "spring", "weekly")})


@test
def the_daemon_stops_in_order(w):
    eq(w.d.stop(), 0)
    eq(w.d.redis_pid(), None)


main(make)
