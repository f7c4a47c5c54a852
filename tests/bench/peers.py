"""The two MTAs under measurement, each in a private directory on loopback, started and stopped by pid."""
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")


def wait_port(host, port, proc, seconds=20):
    end = time.time() + seconds
    while time.time() < end:
        try:
            socket.create_connection((host, port), 0.5).close()
            return
        except OSError:
            if proc and proc.poll() is not None:
                raise SystemExit(f"{proc.args[0]} ended with {proc.returncode} before it listened on {port}")
            time.sleep(0.05)
    raise SystemExit(f"nothing listens on {host}:{port} after {seconds} s")


def stat(pid):
    """(parent, own CPU seconds, CPU seconds of reaped children)"""
    with open(f"/proc/{pid}/stat") as f:
        s = f.read().rsplit(")", 1)[1].split()
    return int(s[1]), (int(s[11]) + int(s[12])) / TICK, (int(s[13]) + int(s[14])) / TICK


def processes():
    out = {}
    for p in os.listdir("/proc"):
        if p.isdigit():
            try:
                out[int(p)] = stat(p)
            except (OSError, IndexError):
                pass
    return out


def tree(root):
    """Pids of root and all its living descendants."""
    all_ = processes()
    found = [root]
    for p in found:
        found += [q for q, s in all_.items() if s[0] == p]
    return [p for p in found if p in all_]


def tree_cpu(root):
    all_ = processes()
    return sum(all_[p][1] + all_[p][2] for p in tree(root) if p in all_)


def rss_peak_mib(pid):
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


class Postfix:
    """Tuned as a bulk sender would: many processes, no needless lookups, 20 connections a destination."""
    name = "postfix"

    def __init__(self, dir_, smtp_port, sink_port, domains, signed, key):
        self.dir, self.port = dir_, smtp_port
        self.procs = []
        self.conf = os.path.join(dir_, "etc")
        for d in ("etc", "queue", "data"):
            os.makedirs(os.path.join(dir_, d))
        os.chmod(dir_, 0o755)
        pf = pwd.getpwnam("postfix")
        os.chown(os.path.join(dir_, "data"), pf.pw_uid, pf.pw_gid)
        milter = f"inet:127.0.0.1:{smtp_port + 1}" if signed else ""
        if signed:
            self.opendkim(smtp_port + 1, key)
        with open(os.path.join(self.conf, "transport"), "w") as f:
            f.write("/@d(\\d+)\\.test$/ smtp:[127.0.1.$1]:%d\n" % sink_port)
        with open(os.path.join(self.conf, "main.cf"), "w") as f:
            f.write(f"""compatibility_level = 3.6
queue_directory = {dir_}/queue
data_directory = {dir_}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
myhostname = bench.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
transport_maps = regexp:{self.conf}/transport
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_milters = {milter}
milter_default_action = accept
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtp_tls_security_level = none
smtpd_tls_security_level = none
disable_dns_lookups = yes
default_process_limit = 200
qmgr_message_active_limit = 100000
qmgr_message_recipient_limit = 100000
smtp_destination_concurrency_limit = 20
initial_destination_concurrency = 20
smtp_connection_cache_on_demand = yes
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
in_flow_delay = 0
maillog_file = {dir_}/data/log
alias_maps =
alias_database =
local_recipient_maps =
""")
        with open(os.path.join(self.conf, "master.cf"), "w") as f:
            f.write(f"""127.0.0.1:{smtp_port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
scache unix - - n - 1 scache
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
""")
        subprocess.run(["postfix", "-c", self.conf, "check"], check=True, capture_output=True)
        # As an ordinary child, so that stopping is by pid and CPU is seen.
        self.procs.append(subprocess.Popen(["/usr/lib/postfix/sbin/master", "-c", self.conf, "-d"],
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        wait_port("127.0.0.1", smtp_port, self.procs[-1])

    def opendkim(self, port, key):
        conf = os.path.join(self.dir, "opendkim.conf")
        with open(conf, "w") as f:
            f.write(f"Domain sender.test\nSelector s1\nKeyFile {key}\nSocket inet:{port}@127.0.0.1\nMode s\n"
                    "Canonicalization relaxed/simple\nSyslog no\nBackground no\nUserID root\n"
                    "RequireSafeKeys no\nOversignHeaders From\n")
        self.procs.append(subprocess.Popen(["/usr/sbin/opendkim", "-f", "-x", conf],
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        wait_port("127.0.0.1", port, self.procs[-1])

    def cpu(self):
        return sum(tree_cpu(p.pid) for p in self.procs)

    def rss(self):
        return sum(rss_peak_mib(q) for p in self.procs for q in tree(p.pid))

    def stop(self):
        for p in reversed(self.procs):
            p.send_signal(signal.SIGTERM)
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


class Facteur:
    name = "facteur"

    def __init__(self, dir_, smtp_port, sink_port, domains, signed, key, build, dns_port, extra=""):
        self.dir, self.port, self.build = dir_, smtp_port, build
        self.dns = dns_port
        os.makedirs(os.path.join(dir_, "spool"))
        self.conf = os.path.join(dir_, "facteur.conf")
        self.socket = os.path.join(dir_, "control")
        dkim = f'dkim s1 {{\n domain = "sender.test"\n selector = "s1"\n key = "{key}"\n}}\n' if signed else ""
        with open(self.conf, "w") as f:
            f.write(f"""limits {{
 hostname = "bench.test"
 spool = "{dir_}/spool"
 user = ""
 control_socket = "{self.socket}"
}}
redis {{
 embedded = true
}}
dns {{
 servers = {{"127.0.0.1:{dns_port}"}}
 ipv6 = false
}}
listen main {{
 address = "127.0.0.1:{smtp_port}"
 tls = none
}}
tenant bench {{
 networks = {{"127.0.0.0/8"}}
 from_domains = {{"sender.test"}}
 envelope_domains = {{"sender.test"}}
}}
site default {{
 port = {sink_port}
 connections = 20
 connections_per_source = 20
 messages_per_connection = 1000
}}
log {{
 path = "{dir_}/log"
 accounting = "{dir_}/accounting"
}}
{dkim}{extra}""")
        self.proc = subprocess.Popen([os.path.join(build, "facteurd"), "-c", self.conf])
        wait_port("127.0.0.1", smtp_port, self.proc)
        end = time.time() + 20
        while "up" not in self.ask("status") and time.time() < end:
            time.sleep(0.1)

    def ask(self, *words):
        return subprocess.run([os.path.join(self.build, "facteur"), "-s", self.socket, *words],
                              capture_output=True, text=True).stdout

    def redis_pid(self):
        for p in tree(self.proc.pid):
            with open(f"/proc/{p}/comm") as f:
                if f.read().startswith("redis-server"):
                    return p
        raise SystemExit("the embedded redis-server is not there")

    def redis_info(self, field):
        out = subprocess.run(["redis-cli", "-s", os.path.join(self.dir, "spool/redis/redis.sock"), "info"],
                             capture_output=True, text=True).stdout
        for line in out.splitlines():
            if line.startswith(field + ":"):
                return float(line.split(":")[1])
        return 0.0

    def cpu(self):
        return tree_cpu(self.proc.pid)

    def rss(self):
        return sum(rss_peak_mib(q) for q in tree(self.proc.pid))

    def stop(self):
        self.proc.send_signal(signal.SIGTERM)
        try:
            self.proc.wait(30)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
