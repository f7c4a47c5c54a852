"""Real receiving servers in private directories: Postfix (which may hand on to
Dovecot by LMTP) and Postfix's smtp-sink."""
import pwd

from facteur_test import *


def free_directory(lab, name):
    """Servers that insist on owners and modes get a directory of root's."""
    d = lab.path("r", name)
    os.makedirs(d, exist_ok=True)
    os.chmod(d, 0o755)
    return d


def mailboxes(root):
    """What lies in the maildirs below root: {file: content}."""
    out = {}
    for base, _, names in os.walk(root):
        if os.path.basename(base) == "new":
            for n in names:
                with open(os.path.join(base, n), "rb") as f:
                    out[os.path.join(base, n)] = f.read()
    return out


class SmtpSink:
    """Postfix's smtp-sink keeping each message in a file."""

    def __init__(self, lab, domain, *args):
        self.host = lab.host()
        lab.domain(domain, self.host)
        self.dir = free_directory(lab, "smtp-sink." + domain)
        os.chmod(self.dir, 0o777)
        argv = ["smtp-sink"]
        if lab.root:
            argv += ["-u", "nobody"]
        self.proc = lab.spawn(
            argv + ["-d", os.path.join(self.dir, "%M."), *args,
                    "%s:%d" % (self.host, lab.mx_port), "100"],
            "smtp-sink-" + domain)
        wait_port(lab, self.proc, self.host, lab.mx_port)

    def contents(self):
        """Without the X- lines that smtp-sink puts first, as CRLF lines."""
        out = []
        for n in sorted(os.listdir(self.dir)):
            with open(os.path.join(self.dir, n), "rb") as f:
                text = f.read()
            out.append(text)
        return out


def wait_port(lab, proc, host, port):
    def up():
        lab.dead(proc)
        try:
            socket.create_connection((host, port), 2).close()
            return True
        except OSError:
            return False
    wait(up, 20, "port %d" % port)


MAIN_CF = """compatibility_level = 3.6
queue_directory = {d}/queue
data_directory = {d}/data
mail_owner = postfix
setgid_group = postdrop
myhostname = real.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = static:here/
virtual_transport = {transport}
virtual_mailbox_base = {d}/mail
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtpd_recipient_restrictions = check_recipient_access inline:{{ {{ refused@{domain} = 550 5.1.1 no such user }} }}, permit_mynetworks, reject
smtpd_tls_cert_file = {cert}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
message_size_limit = 30000000
biff = no
maillog_file = {d}/log
maillog_file_prefixes = {d}
alias_maps =
smtputf8_enable = yes
disable_dns_lookups = yes
notify_classes =
"""

MASTER_CF = """{host}:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """A whole Postfix of its own; mail lands in maildirs, or goes on by
    transport."""

    def __init__(self, lab, domain, transport="virtual"):
        if not lab.root:
            raise Skip("Postfix needs root")
        self.lab, self.host = lab, lab.host()
        lab.domain(domain, self.host)
        self.dir = d = free_directory(lab, "postfix." + domain)
        user = pwd.getpwnam("postfix")
        for name in ("conf", "queue", "data", "mail"):
            os.mkdir(os.path.join(d, name))
        os.chown(os.path.join(d, "data"), user.pw_uid, -1)
        nobody = lab.nobody
        os.chown(os.path.join(d, "mail"), nobody.pw_uid, nobody.pw_gid)
        key = os.path.join(d, "key")
        shutil.copy(lab.key, key)
        os.chmod(key, 0o600)
        values = dict(d=d, host=self.host, domain=domain, port=lab.mx_port,
                      transport=transport, uid=nobody.pw_uid,
                      gid=nobody.pw_gid, cert=lab.cert, key=key)
        for name, text in (("main.cf", MAIN_CF), ("master.cf", MASTER_CF)):
            with open(os.path.join(d, "conf", name), "w") as f:
                f.write(text.format(**values))
        self.proc = lab.spawn(
            ["postfix", "-c", os.path.join(d, "conf"), "start-fg"],
            "postfix-" + domain)
        wait_port(lab, self.proc, self.host, lab.mx_port)

    def mails(self):
        return list(mailboxes(os.path.join(self.dir, "mail")).values())

    def log(self):
        with open(os.path.join(self.dir, "log"), errors="replace") as f:
            return f.read()


DOVECOT_CONF = """base_dir = {d}/run
log_path = {d}/log
protocols = lmtp
ssl = no
first_valid_uid = 1
first_valid_gid = 1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
mail_location = maildir:{d}/mail/%u
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={d}/mail/%u allow_all_users=yes
}}
service lmtp {{
  unix_listener {d}/lmtp {{
    mode = 0666
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


class Dovecot:
    """Dovecot's LMTP server on a unix socket."""

    def __init__(self, lab):
        if not lab.root:
            raise Skip("Dovecot needs root")
        self.dir = d = free_directory(lab, "dovecot")
        nobody = lab.nobody
        os.mkdir(os.path.join(d, "mail"))
        os.chown(os.path.join(d, "mail"), nobody.pw_uid, nobody.pw_gid)
        self.socket = os.path.join(d, "lmtp")
        with open(os.path.join(d, "conf"), "w") as f:
            f.write(DOVECOT_CONF.format(
                d=d, user="dovecot", group="dovecot", uid=nobody.pw_uid,
                gid=nobody.pw_gid))
        self.proc = lab.spawn(["dovecot", "-F", "-c",
                               os.path.join(d, "conf")], "dovecot")

        def up():
            lab.dead(self.proc)
            return os.path.exists(self.socket)
        wait(up, 20, "dovecot")

    def mails(self):
        return list(mailboxes(os.path.join(self.dir, "mail")).values())
