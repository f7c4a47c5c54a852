#!/usr/bin/python3
"""500 messages while the daemon and Redis are each killed once: what was
accepted is delivered."""
from facteur_test import *

N = 500


def make(lab):
    class World:
        pass
    w = World()
    w.lab = lab
    w.sinks = [lab.sink("a.test"), lab.sink("b.test", delay=5),
               lab.sink("c.test", no="CHUNKING")]
    w.d = lab.facteurd()
    return w


class Feeder(threading.Thread):
    """Submits until the quota is accepted, through every failure.  Every try
    has an id of its own, so that a reply that got lost counts for nothing."""

    def __init__(self, w, accepted, lock, quota):
        super().__init__()
        self.w, self.accepted, self.lock = w, accepted, lock
        self.quota, self.stop = quota, False

    def run(self):
        c, n = None, 0
        while n < self.quota and not self.stop:
            ident = "k%d.%d.%d" % (os.getpid(), id(self) % 100000,
                                   time.monotonic_ns())
            rcpt = "%s@%s.test" % (ident, "abc"[n % 3])
            try:
                if c is None:
                    c = Client(self.w.d.port, timeout=20)
                    c.hello()
                rs = c.send("news@sender.test", [rcpt], message(rcpt=rcpt))
                r = ([x for x in rs if x[0] in "45"] or rs[-1:])[0]
            except (OSError, ClientError):
                c = None
                time.sleep(0.1)
                continue
            if r.startswith("250"):
                with self.lock:
                    self.accepted.add(rcpt)
                n += 1
            elif r.startswith("4"):
                c.close()
                c = None
                time.sleep(0.1)
            else:
                raise AssertionError("refused: " + r)


@test
def nothing_accepted_is_lost(w):
    accepted, lock = set(), threading.Lock()
    feeders = [Feeder(w, accepted, lock, N // 5) for _ in range(5)]
    for f in feeders:
        f.start()
    try:
        wait(lambda: len(accepted) >= N // 4, 60, "a quarter")
        w.d.kill()
        w.d.start(60)
        wait(lambda: len(accepted) >= N // 2, 60, "a half")
        pid = wait(w.d.redis_pid, 10, "the embedded Redis")
        os.kill(pid, signal.SIGKILL)
        for f in feeders:
            f.join(90)
            assert not f.is_alive(), "a feeder hangs"
    finally:
        for f in feeders:
            f.stop = True
    eq(len(accepted), N)

    def delivered():
        return {r for s in w.sinks for e in s.events("mail")
                for r in e["rcpt"]}
    end = time.monotonic() + 60
    while time.monotonic() < end and accepted - delivered():
        time.sleep(0.3)
    time.sleep(1)
    got = [r for s in w.sinks for e in s.events("mail") for r in e["rcpt"]]
    lost = accepted - set(got)
    print("# accepted %d delivered %d duplicated %d lost %d" % (
        len(accepted), len(accepted & set(got)), len(got) - len(set(got)),
        len(lost)))
    eq(len(lost), 0, "lost")
    # bounded by what was in flight at the two kills
    assert len(got) - len(set(got)) <= 100


@test
def the_queue_is_empty_at_the_end(w):
    def settled():
        sent = {a["recipient"] for a in w.d.accounting(event="sent")}
        got = {r for s in w.sinks for e in s.events("mail")
               for r in e["rcpt"]}
        return got - sent
    print("# delivered without an accounting line: %d" % len(settled()))
    eq(w.d.stop(), 0)
    eq(w.d.redis_pid(), None)


main(make)
