#!/usr/bin/python3
"""Signatures over simple and nasty content, RSA and Ed25519, verified by
independent programs."""
from facteur_test import *

HEAD = (b"Date: Tue, 24 Nov 2026 08:00:00 +0000\r\n"
        b"From: News <news@sender.test>\r\nTo: u@rcvd.test\r\n"
        b"Message-ID: <%d@sender.test>\r\n")
CASES = {
    "simple": b"Subject: s\r\n\r\nHello\r\n",
    "empty body": b"Subject: s\r\n\r\n",
    "no body at all": b"Subject: s\r\n",
    "blank lines at the end": b"Subject: s\r\n\r\nx\r\n\r\n\r\n\r\n",
    "only blank lines": b"Subject: s\r\n\r\n\r\n\r\n\r\n",
    "eight bits": "Subject: s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                  "Content-Transfer-Encoding: 8bit\r\n\r\näöüß €\r\n".encode(),
    "latin octets": b"Subject: s\r\n\r\n\xe4\xf6\xfc\xff\r\n",
    "very long line": b"Subject: s\r\n\r\n" + b"x" * 30000 + b"\r\nend\r\n",
    "folded fields": b"Subject: a\r\n b\r\n\tc\r\n  \t d\r\nX-Folded:\r\n"
                     b"\t1\r\n\t2\r\n\r\nx\r\n",
    "blanks in fields": b"Subject:   a  b\t\tc   \r\n\r\nx\r\n",
    "dot lines": b"Subject: s\r\n\r\n.\r\n..\r\n...\r\n.x\r\n. \r\n",
    "blanks at ends": b"Subject: s\r\n\r\na \t \r\n b\r\n \r\n\t\r\n",
    "list fields": b"Subject: s\r\nList-Unsubscribe: <https://u.test/1>,\r\n"
                   b" <mailto:u@sender.test>\r\n"
                   b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
                   b"\r\nx\r\n",
    "repeated fields": b"Subject: s\r\nX-A: 1\r\nX-A: 2\r\nComments: c\r\n"
                       b"Comments: d\r\n\r\nx\r\n",
    "large": b"Subject: s\r\n\r\n" + b"0123456789 abcdef\r\n" * 20000,
}


def make(lab):
    sink = lab.sink("rcvd.test")
    seven = lab.sink("seven.test", no="8BITMIME,CHUNKING")
    keys, dkim = [], {}
    for kind, sel in (("rsa", "r1"), ("ed25519", "e1")):
        section, line = make_dkim(lab, "sender.test", sel, kind)
        dkim["dkim " + sel] = section
        keys.append(line)
    d = lab.facteurd(sections=dkim)
    d.sink, d.seven, d.keys, d.n = sink, seven, keys, 0
    return d


def through(d, content, rcpt="u@rcvd.test", sink=None):
    sink = sink or d.sink
    before = sink.count()
    eq(submit(d.port, "news@sender.test", rcpt, content,
              mail="BODY=8BITMIME")[:3], "250")
    return sink.wait(before + 1)[-1]["content"]


def case(name, rest):
    def f(d):
        d.n += 1
        content = HEAD % d.n + rest
        got = through(d, content)
        added, back = split_added(got)
        want = content if b"\r\n\r\n" in content else content + b"\r\n"
        eq(back, want, name)
        sigs = [a for a in added if a.lower().startswith(b"dkim-signature")]
        eq(len(sigs), 2, "signatures")
        for s in sigs:
            assert not re.search(rb"[;\s]l=", s), s
            assert s.lower().count(b"from") >= 2, "From is not oversigned"
        verify_dkim(d.lab, got, d.keys)
    f.__name__ = name.replace(" ", "_")
    return test(f)


for _name, _rest in CASES.items():
    case(_name, _rest)


@test
def no_final_newline_by_bdat(d):
    content = HEAD % 9001 + b"Subject: s\r\n\r\nno end"
    before = d.sink.count()
    c = Client(d.port)
    c.hello()
    c.write(b"MAIL FROM:<news@sender.test>\r\nRCPT TO:<u@rcvd.test>\r\n"
            b"BDAT %d LAST\r\n" % len(content) + content)
    eq([c.reply()[:3] for _ in range(3)], ["250"] * 3)
    c.close()
    got = d.sink.wait(before + 1)[-1]["content"]
    verify_dkim(d.lab, got, d.keys)
    eq(split_added(got)[1].rstrip(b"\r\n"), content)


@test
def eight_bits_to_a_peer_of_seven_are_signed_after_encoding(d):
    content = HEAD % 9002 + (
        "Subject: s\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\näöü\r\n").encode()
    got = through(d, content, "u@seven.test", d.seven)
    assert max(got) < 128
    verify_dkim(d.lab, got, d.keys)


@test
def another_domain_is_not_signed(d):
    content = message(sender="x@other.test")
    added, back = split_added(through(d, content))
    eq((len([a for a in added if a.lower().startswith(b"dkim")]), back),
       (0, content))


@test
def a_subdomain_is_signed_by_the_domain_above(d):
    content = message(sender="x@mail.sender.test")
    verify_dkim(d.lab, through(d, content), d.keys)


main(make)
