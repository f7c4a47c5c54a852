#!/usr/bin/python3
"""The stats socket and facteur(1)."""
from facteur_test import *


def make(lab):
    class World:
        pass
    w = World()
    w.lab = lab
    w.sink = lab.sink("rcvd.test")
    w.d = lab.facteurd()
    for i in range(5):
        submit(w.d.port, "a@sender.test", "u%d@rcvd.test" % i,
               b"X-Campaign: spring\r\nX-List: weekly\r\n" + message())
    w.sink.wait(5)
    submit(w.d.port, "a@sender.test", "later.999@rcvd.test",
           b"X-Campaign: slow\r\n" + message())
    w.d.outcome("later.999@rcvd.test", "deferred")
    return w


@test
def every_command_of_the_issue_is_in_help(w):
    text = w.d.tool("help")
    for c in ("help", "status", "stats", "queues", "sites", "sessions",
              "campaign", "suppress", "flush", "parked", "message", "reload",
              "drain", "stop"):
        assert c in text, c


@test
def each_reader_answers_as_text_and_as_json(w):
    for c in (["status"], ["stats"], ["queues"], ["sites"], ["sessions"],
              ["campaign", "list"], ["campaign", "show", "spring"],
              ["suppress", "list"], ["parked", "list"]):
        assert w.d.tool(*c).strip() or c in (["parked", "list"],
                                             ["sessions"],
                                             ["suppress", "list"]), c
        w.d.json(*c)


@test
def status_names_the_durability(w):
    assert "always" in w.d.tool("status").lower() or \
        "disk" in w.d.tool("status").lower()


@test
def prometheus(w):
    text = w.d.tool("stats", "prometheus")
    names = re.findall(r"(?m)^# TYPE (\w+) (\w+)$", text)
    assert len(names) > 10
    for line in text.splitlines():
        assert line.startswith("#") or not line or re.match(
            r'[a-zA-Z_:][\w:]*(\{[^}]*\})? -?[\d.e+]+(Inf)?$', line), line


@test
def a_campaign_counts(w):
    text = w.d.tool("campaign", "show", "spring")
    assert re.search(r"\b5\b", text), text
    assert "spring" in w.d.tool("campaign", "list")


@test
def unknown_things_are_errors(w):
    for c in (["sing"], ["campaign", "show", "nosuch"], ["campaign"],
              ["campaign", "pause"], ["message", "show", "!!"],
              ["suppress", "add", "not an address"]):
        r = subprocess.run([os.path.join(BUILD, "facteur"), "-s",
                            w.d.control_path, *c], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
        assert r.returncode != 0, (c, r.stdout)


@test
def a_message_is_shown_and_removed(w):
    ident = w.d.outcome("later.999@rcvd.test", "deferred")["id"]
    text = w.d.tool("message", "show", ident)
    assert "later.999@rcvd.test" in text, text
    w.d.tool("campaign", "pause", "slow")
    time.sleep(1.5)
    w.d.tool("message", "remove", ident)
    n = len(w.d.accounting(recipient="later.999@rcvd.test",
                           event="deferred"))
    w.d.tool("campaign", "resume", "slow")
    time.sleep(2)
    eq(len(w.d.accounting(recipient="later.999@rcvd.test",
                          event="deferred")), n)


@test
def suppression_by_hand(w):
    w.d.tool("suppress", "add", "no@rcvd.test")
    assert w.d.tool("suppress", "test", "no@rcvd.test").strip()
    assert "1" in w.d.tool("suppress", "list")
    submit(w.d.port, "a@sender.test", "no@rcvd.test", message())
    w.d.outcome("no@rcvd.test", "suppressed")
    w.d.tool("suppress", "remove", "no@rcvd.test")
    submit(w.d.port, "a@sender.test", "no@rcvd.test", message())
    w.d.outcome("no@rcvd.test", "sent")


@test
def flush_tries_at_once(w):
    w.d.change({"site slow": {"domains": ["slowsite.test"],
                              "retry": ["1h"]}})
    w.lab.domain("slowsite.test", w.sink.host)
    w.lab.dns()
    w.d.tool("reload")
    time.sleep(0.5)
    submit(w.d.port, "a@sender.test", "later.1@slowsite.test", message())
    w.d.outcome("later.1@slowsite.test", "deferred")
    w.d.tool("flush", "slowsite.test")
    w.d.outcome("later.1@slowsite.test", "sent")


@test
def strangers_are_kept_out(w):
    st = os.stat(w.d.control_path)
    eq(st.st_mode & 0o777, 0o600)
    if not w.lab.root:
        raise Skip("needs root to be somebody else")
    r = subprocess.run(
        ["setpriv", "--reuid", "daemon", "--regid", "daemon",
         "--clear-groups", "/usr/bin/python3", "-c",
         "import socket,sys; s=socket.socket(socket.AF_UNIX);"
         "s.connect(sys.argv[1])", w.d.control_path],
        stderr=subprocess.PIPE)
    assert b"PermissionError" in r.stderr, r.stderr


@test
def drain_then_stop(w):
    w.d.tool("drain")
    try:
        c = Client(w.d.port)
        eq(c.banner[:1] if c.banner else "4", "4")
    except (OSError, ClientError):
        pass
    w.d.tool("stop")
    wait(lambda: w.d.proc.poll() is not None, 15, "the daemon to end")
    eq(w.d.proc.returncode, 0)
    eq(w.d.redis_pid(), None)


main(make)
