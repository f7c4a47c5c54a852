#!/usr/bin/python3
"""Delivery reports and 7-bit encoding, read by Python's email package."""
import email
import email.policy
import os
import subprocess
import sys

TOOL = os.path.join(os.environ.get("builddir", "."), "tests/unit/mailtext")
HEAD = "From: a@x.test\r\nTo: b@y.test\r\nSubject: s\r\nMIME-Version: 1.0\r\n"
tests = []


def test(f):
    tests.append(f)
    return f


def run(data, *args, ok=True):
    p = subprocess.run([TOOL, *args], input=data, capture_output=True)
    assert (p.returncode == 0) == ok, p.stderr
    return p.stdout if ok else p.stderr


def parse(data):
    return email.message_from_bytes(data, policy=email.policy.default)


ORIGINAL = (HEAD + "\r\nhello\r\n").encode()


@test
def failed_report_has_its_three_parts():
    raw = run(ORIGINAL, "report", "failed", "s@x.test", "r@y.test")
    m = parse(raw)
    assert m.get_content_type() == "multipart/report", m.get_content_type()
    assert m.get_param("report-type") == "delivery-status"
    text, status, original = m.iter_parts()
    assert "r@y.test" in text.get_content()
    per_message, per_rcpt = status.get_payload()
    assert per_message["Reporting-MTA"] == "dns; mta.test"
    assert per_message["Original-Envelope-Id"] == "env 1"
    assert per_message["Arrival-Date"] == "Tue, 24 Nov 2026 07:58:48 +0000"
    assert per_rcpt["Final-Recipient"] == "rfc822; r@y.test"
    assert per_rcpt["Original-Recipient"] == "rfc822;orig@y.test"
    assert per_rcpt["Action"] == "failed" and per_rcpt["Status"] == "5.1.1"
    assert "such user" in per_rcpt["Diagnostic-Code"]
    assert original.get_content_type() == "text/rfc822-headers"
    assert b"hello" not in raw
    assert raw.replace(b"\r\n", b"").count(b"\n") == 0


@test
def full_report_returns_the_message():
    m = parse(run(ORIGINAL, "report", "failed", "s@x.test", "r@y.test", "full"))
    original = list(m.iter_parts())[2]
    assert original.get_content_type() == "message/rfc822"
    assert original.get_payload(0).get_content().strip() == "hello"


@test
def delay_names_its_end():
    m = parse(run(ORIGINAL, "report", "delayed", "s@x.test", "r@y.test"))
    rcpt = list(m.iter_parts())[1].get_payload()[1]
    assert rcpt["Action"] == "delayed"
    assert rcpt["Will-Retry-Until"] == "Wed, 25 Nov 2026 07:58:48 +0000"


@test
def utf8_addresses_make_it_global():
    raw = run(ORIGINAL, "report", "failed", "s@x.test", "jõgeva@y.test")
    assert b"message/global-delivery-status" in raw
    assert "Final-Recipient: utf-8; jõgeva@y.test".encode() in raw


@test
def text_becomes_quoted_printable():
    body = "café " * 40 + "\r\n=20 \r\nlast"
    out = run((HEAD + "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + body).encode(), "7bit")
    assert max(out) < 128
    assert all(len(x) <= 76 for x in out.split(b"\r\n"))
    m = parse(out)
    assert m["Content-Transfer-Encoding"] == "quoted-printable"
    got = m.get_payload(decode=True).decode()
    assert got == body, got


@test
def multipart_leaves_are_encoded_alone():
    src = (HEAD + 'Content-Type: multipart/mixed; boundary="b1"\r\nContent-Transfer-Encoding: 8bit\r\n\r\npreamble\r\n--b1\r\n'
           "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\né\r\n--b1\r\n"
           "Content-Type: text/plain\r\n\r\nplain --b1 inside\r\n--b1--\r\nepilogue\r\n").encode()
    out = run(src, "7bit")
    assert max(out) < 128
    m = parse(out)
    a, b = m.iter_parts()
    assert a.get_payload(decode=True).decode() == "é"
    assert b.get_payload() == "plain --b1 inside"
    assert b"Content-Type: text/plain\r\n\r\nplain" in out


@test
def seven_bit_stays_as_it_is():
    assert run(ORIGINAL, "7bit") == ORIGINAL


@test
def what_cannot_be_encoded_is_refused():
    assert b"header" in run("Subject: é\r\n\r\nx\r\n".encode(), "7bit", ok=False)
    signed = HEAD + 'Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\né\r\n--b--\r\n'
    assert b"signed" in run(signed.encode(), "7bit", ok=False)


for i, f in enumerate(tests, 1):
    try:
        f()
        print(f"ok {i} - {f.__name__.replace('_', ' ')}")
    except Exception as e:
        print(f"# {type(e).__name__}: {e}")
        print(f"not ok {i} - {f.__name__.replace('_', ' ')}")
print(f"1..{len(tests)}")
sys.exit(0)
