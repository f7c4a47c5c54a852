#!/usr/bin/python3
"""Configuration: -t, -T, SIGHUP, SIGUSR1."""
from facteur_test import *


def make(lab):
    lab.sink("rcvd.test")
    return lab.facteurd()


def check(d, path, flag="-t"):
    r = subprocess.run([d.program(), flag, "-c", path],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return r.returncode, r.stdout.decode(errors="replace")


@test
def a_good_file_passes(d):
    eq(check(d, d.conf_path)[0], 0)


@test
def a_bad_file_is_told_with_line(d):
    with open(d.conf_path) as f:
        good = f.read()
    path = d.lab.path("d", "bad.conf")
    for text, word in (("limits {\n\tcolour = blue\n}\n", "colour"),
                       ("redis {\n\tshards = -3\n}\n", "shards"),
                       ("tenant t { from_domains = {\"*\"}\n", ""),
                       ("site x {\n\trate = \"fast\"\n}\n", "rate"),
                       ("listen y {\n\taddress = \"nowhere\"\n}\n",
                        "address")):
        with open(path, "w") as f:
            f.write(good + text)
        code, out = check(d, path)
        assert code != 0, text
        assert re.search(r"bad\.conf:\d+", out), out
        assert word in out, out
    eq(check(d, d.lab.path("d", "nosuch.conf"))[0] != 0, True)


@test
def the_dump_is_a_configuration(d):
    code, out = check(d, d.conf_path, "-T")
    eq(code, 0)
    path = d.lab.path("d", "dump.conf")
    with open(path, "w") as f:
        f.write(out)
    code, again = check(d, path, "-T")
    eq((code, again), (0, out))


def greeting(d):
    c = Client(d.port)
    b = c.banner
    c.close()
    return b


@test
def a_reload_changes_and_drops_nobody(d):
    c = Client(d.port)
    c.hello()
    eq(c.cmd("MAIL FROM:<a@sender.test>")[:3], "250")
    d.change({"listen main": {"hostname": "new.sender.test"}})
    d.reload()
    wait(lambda: "new.sender.test" in greeting(d), 5, "the new name")
    eq(c.cmd("RCPT TO:<u@rcvd.test>")[:3], "250")
    eq(c.cmd("DATA")[:3], "354")
    c.write(message() + b".\r\n")
    eq(c.reply()[:3], "250")
    c.close()
    d.outcome("u@rcvd.test", "sent")


@test
def a_bad_reload_leaves_everything(d):
    with open(d.conf_path) as f:
        good = f.read()
    with open(d.conf_path, "w") as f:
        f.write(good + "limits { colour = blue }\n")
    d.reload()

    def told():
        with open(d.log_path, errors="replace") as f:
            return "colour" in f.read()
    wait(told, 5, "the complaint in the log")
    assert "new.sender.test" in greeting(d)
    eq(submit(d.port, "a@sender.test", "u@rcvd.test", message())[:3], "250")
    with open(d.conf_path, "w") as f:
        f.write(good)


@test
def listeners_come_and_go(d):
    port = free_port()
    d.change({"listen extra": {"address": "127.0.0.1:%d" % port,
                               "tenant": "shop"}})
    d.reload()

    def open_():
        try:
            Client(port).close()
            return True
        except (OSError, ClientError):
            return False
    wait(open_, 5, "the new listener")
    d.change({"listen extra": None})
    d.reload()
    wait(lambda: not open_(), 5, "the listener to go")


@test
def logs_are_reopened(d):
    os.rename(d.accounting_path, d.accounting_path + ".1")
    os.rename(d.log_path, d.log_path + ".1")
    d.proc.send_signal(signal.SIGUSR1)
    time.sleep(0.5)
    submit(d.port, "a@sender.test", "again@rcvd.test", message())
    d.outcome("again@rcvd.test", "sent")
    assert os.path.exists(d.log_path)


main(make)
