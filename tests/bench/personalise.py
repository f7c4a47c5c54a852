"""A personalised newsletter of about 40 KiB (the name in three places, a unique 16-character token in each of 20 links), and its
submission message by message over SMTP."""
import base64
import quopri
import random
import smtplib
import string

WORDS = ("printemps collection découvrir offre limitée livraison gratuite nouveauté boutique conseil atelier jardin maison "
         "couleur matière saison sélection équipe artisan cadeau adresse rendez-vous").split()
ALPHABET = string.ascii_letters + string.digits


def template(size=40000, links=20):
    rnd = random.Random(7)
    parts = []
    while sum(map(len, parts)) < size:
        i = len(parts)
        text = " ".join(rnd.choice(WORDS) for _ in range(60))
        link = ('<a href="https://click.sender.test/c/%(t{0})s?utm=spring" style="color:#0a58ca">{1}</a>'
                .format(i, rnd.choice(WORDS)) if i < links else "")
        parts.append(f'<tr><td style="padding:{rnd.randrange(40)}px 12px;font:16px/1.5 Arial,sans-serif;color:#{rnd.randrange(1 << 24):06x}">'
                     f"<p>{text}</p>{link}</td></tr>\r\n".replace("{0}", str(i)))
    half = len(parts) // 2
    return ("<html><body><h1>Bonjour %(name)s !</h1><table>\r\n" + "".join(parts[:half]) + "<tr><td>%(name)s, pour vous</td></tr>\r\n"
            + "".join(parts[half:]) + "</table><p>À bientôt, %(name)s</p></body></html>\r\n")


TEMPLATE = template()


def message(seq, encoding, campaign="spring"):
    rnd = random.Random(seq)
    values = {f"t{i}": "".join(rnd.choice(ALPHABET) for _ in range(16)) for i in range(20)}
    values["name"] = rnd.choice(["Zoé", "Anne-Sophie", "Ludovic", "Maximilien", "Léa", "Barthélémy"]) + " " + \
        "".join(rnd.choice(string.ascii_lowercase) for _ in range(rnd.randrange(4, 12))).title()
    body = (TEMPLATE.replace("%", "%%").replace("%%(", "%(") % values).encode()
    if encoding == "quoted-printable":
        body = quopri.encodestring(body.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    elif encoding == "base64":
        body = base64.encodebytes(body).replace(b"\n", b"\r\n")
    head = (f"From: Boutique <news@sender.test>\r\nTo: <u{seq}@d{seq % 100 + 1}.test>\r\nSubject: Le printemps arrive\r\n"
            f"Message-ID: <{seq}.{rnd.getrandbits(64):x}@sender.test>\r\nDate: Tue, 24 Nov 2026 08:00:{seq % 60:02d} +0000\r\n"
            f"X-Campaign: {campaign}\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n"
            f"Content-Transfer-Encoding: {encoding}\r\n\r\n").encode()
    return head + body


def submit(port, first, encoding, count, campaign="spring"):
    c = smtplib.SMTP("127.0.0.1", port, local_hostname="source.test")
    c.ehlo()
    for seq in range(first, first + count):
        c.sendmail("news@sender.test", [f"u{seq}@d{seq % 100 + 1}.test"], message(seq, encoding, campaign), mail_options=["BODY=8BITMIME"])
    c.quit()
