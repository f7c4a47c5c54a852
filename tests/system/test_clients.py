#!/usr/bin/python3
"""Real clients: swaks, Python's smtplib, nodemailer."""
import email.message
import smtplib
import warnings

from facteur_test import *

HERE_JS = os.path.join(HERE, "nm_client.mjs")


def make(lab):
    sink = lab.sink("rcvd.test")
    d = lab.facteurd()
    d.sink = sink
    return d


def arrives(d, *, subject):
    def find():
        for m in d.sink.mails():
            if (b"Subject: " + subject.encode()) in m["content"]:
                return m
    return wait(find, 20, subject)


def swaks(d, subject, *args, port=None):
    run(["swaks", "--server", "127.0.0.1:%d" % (port or d.port),
         "--from", "a@x.test", "--to", "u@rcvd.test",
         "--header", "Subject: " + subject, *args])
    return arrives(d, subject=subject)


@test
def swaks_in_clear(d):
    swaks(d, "swaks1")


@test
def swaks_over_tls(d):
    m = swaks(d, "swaks2", "--tls")
    assert b"TLSv1.3" in split_added(m["content"])[0][-1]


@test
def swaks_logs_in(d):
    for i, kind in enumerate(("PLAIN", "LOGIN")):
        swaks(d, "swaks3" + kind, "--tls", "--auth", kind, "--auth-user",
              "alice", "--auth-password", PASSWORD, port=d.auth_port)


@test
def swaks_pipelines_and_attaches(d):
    path = d.lab.path("r", "attachment")
    with open(path, "wb") as f:
        f.write(bytes(range(256)) * 40)
    m = swaks(d, "swaks4", "--pipeline", "--attach", "@" + path)
    assert b"base64" in m["content"].lower()


@test
def swaks_speaks_lmtp(d):
    swaks(d, "swaks5", "--protocol", "LMTP", port=d.lmtp_port)
    run(["swaks", "--socket", d.lmtp_path, "--protocol", "LMTP", "--from",
         "a@x.test", "--to", "u@rcvd.test", "--header", "Subject: swaks6"])
    arrives(d, subject="swaks6")


@test
def a_wrong_password_is_refused(d):
    for args in (("--auth-password", "wrong"), ("--auth-user", "mallory")):
        r = subprocess.run(
            ["swaks", "--server", "127.0.0.1:%d" % d.auth_port, "--tls",
             "--from", "a@x.test", "--to", "u@rcvd.test", "--auth", "PLAIN",
             "--auth-user", "alice", "--auth-password", PASSWORD, *args],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        eq(r.returncode, 28, "swaks")
        assert b"535" in r.stdout


@test
def nobody_relays_without_logging_in(d):
    c = Client(d.auth_port)
    assert "AUTH" not in c.hello()
    assert c.cmd("AUTH PLAIN AGFsaWNlAHg=")[:1] == "5"
    eq(c.cmd("MAIL FROM:<a@x.test>")[:1], "5")
    c.close()
    c = Client(d.auth_port)
    c.hello()
    c.starttls()
    assert "AUTH" in c.ehlo
    eq(c.cmd("MAIL FROM:<a@x.test>")[:3], "530")
    eq(c.cmd("RCPT TO:<u@rcvd.test>")[:1], "5")
    eq(c.cmd("DATA")[:1], "5")
    c.close()


def mail(subject, to="u@rcvd.test", **kw):
    m = email.message.EmailMessage()
    m["From"], m["To"], m["Subject"] = "a@x.test", to, subject
    for k, v in kw.items():
        m[k.replace("_", "-")] = v
    m.set_content("text\n")
    m.add_alternative("<p>text</p>\n", subtype="html")
    return m


@test
def smtplib_session(d):
    ctx = ssl.create_default_context()
    ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", d.auth_port) as s:
        s.starttls(context=ctx)
        s.login("alice", PASSWORD)
        for i in range(20):
            s.send_message(mail("smtplib%d." % i))
    for i in range(20):
        m = arrives(d, subject="smtplib%d." % i)
    # what was missing was added
    assert re.search(rb"(?m)^Date: ", m["content"])
    assert re.search(rb"(?m)^Message-ID: <", m["content"])


@test
def smtplib_logs_in_by_login(d):
    ctx = ssl.create_default_context()
    ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", d.auth_port) as s:
        s.starttls(context=ctx)
        s.ehlo()
        s.user, s.password = "alice", PASSWORD
        code, _ = s.auth("LOGIN", s.auth_login)
        eq(code, 235)


@test
def smtplib_sends_smtputf8(d):
    with smtplib.SMTP("127.0.0.1", d.port) as s:
        s.sendmail("ä@x.test", ["jõgeva@rcvd.test"],
                   "Subject: utf8-1\r\nFrom: ä@x.test\r\n\r\nhä\r\n".encode(),
                   mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    m = arrives(d, subject="utf8-1")
    eq((m["sender"], m["rcpt"]), ("ä@x.test", ["jõgeva@rcvd.test"]))
    assert "SMTPUTF8" in m["mail_params"]


@test
def many_recipients_in_one_message(d):
    rcpts = ["many%d@rcvd.test" % i for i in range(120)]
    with smtplib.SMTP("127.0.0.1", d.port) as s:
        eq(s.sendmail("a@x.test", rcpts, "Subject: many\r\n\r\nx\r\n"), {})

    def all_here():
        got = [r for m in d.sink.mails() for r in m["rcpt"]
               if r.startswith("many")]
        return sorted(got) == sorted(rcpts)
    wait(all_here, 20, "120 recipients")
    # same content: they share transactions
    n = len([m for m in d.sink.mails() if m["rcpt"][0].startswith("many")])
    assert n <= 20, n


@test
def bcc_and_control_fields_are_taken_out(d):
    with smtplib.SMTP("127.0.0.1", d.port) as s:
        s.sendmail("a@x.test", ["u@rcvd.test"],
                   "Subject: bcc1\r\nBcc: secret@x.test,\r\n\tother@x.test\r\n"
                   "X-Campaign: c\r\nX-List: l\r\nX-Priority-Class: bulk\r\n"
                   "From: a@x.test\r\n\r\nx\r\n")
    c = arrives(d, subject="bcc1")["content"].lower()
    for word in (b"bcc:", b"secret", b"other@", b"x-campaign", b"x-list",
                 b"x-priority"):
        assert word not in c, word


def nodemailer():
    """The directory with nodemailer, installed at most once."""
    d = os.path.join(CACHE, "npm")
    if not os.path.isdir(os.path.join(d, "node_modules", "nodemailer")):
        os.makedirs(d, exist_ok=True)
        r = subprocess.run(["npm", "install", "--prefix", d, "--no-audit",
                            "--no-fund", "nodemailer@6"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if r.returncode:
            raise Skip("nodemailer cannot be installed here")
    return d


@test
def nodemailer_seven_of_seven(d):
    text = run(["node", HERE_JS, "127.0.0.1", str(d.port), "20"],
               env=dict(os.environ, NPM_DIR=nodemailer(),
                        NODE_NO_WARNINGS="1"))
    assert "7 passed, 0 failed" in text, text
    arrives(d, subject="m19")


warnings.simplefilter("ignore")
main(make)
