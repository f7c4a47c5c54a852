#!/usr/bin/python3
"""Rates and connections per site; a blocked site delays no other."""
from facteur_test import *


def make(lab):
    class World:
        pass
    w = World()
    w.lab = lab
    w.rate = lab.sink("rate.test")
    w.conns = lab.sink("conns.test", delay=150)
    w.per = lab.sink("per.test")
    w.crate = lab.sink("crate.test")
    w.free = lab.sink("free.test")
    w.mx = lab.fakemx("stall.test")
    # connections to it never get an answer to SYN's payload: nobody accepts
    lab.domain("down.test", lab.host())
    w.d = lab.facteurd(sections={
        "site rate": {"domains": ["rate.test"], "rate": "10/s"},
        "site conns": {"domains": ["conns.test"], "connections": 3,
                       "max_rcpt": 1},
        "site per": {"domains": ["per.test"], "messages_per_connection": 5,
                     "max_rcpt": 1},
        "site crate": {"domains": ["crate.test"], "connect_rate": "2/s",
                       "messages_per_connection": 1, "connections": 50,
                       "max_rcpt": 1}})
    return w


def feed(w, domain, n, local="u"):
    jobs = [("news@sender.test", ["%s%d@%s" % (local, i, domain)],
             message(rcpt="%s%d@%s" % (local, i, domain)))
            for i in range(n)]
    eq({r[:3] for r in submit_many(w.d.port, jobs)}, {"250"})


def at_once(sink):
    """Most connections open at the same time, and how many in all."""
    now = most = opened = 0
    for e in sorted(sink.events(), key=lambda e: e["t"]):
        if e["ev"] == "open":
            now += 1
            opened += 1
            most = max(most, now)
        elif e["ev"] == "close":
            now -= 1
    return most, opened


@test
def rate_is_kept(w):
    feed(w, "rate.test", 50)
    w.rate.wait(50, 30)
    times = sorted(e["t"] for e in w.rate.events("mail")
                   for _ in e["rcpt"])
    # a bucket may start full: at most one second's worth at once
    worst = max(sum(1 for x in times if t <= x < t + 1) for t in times)
    took = times[-1] - times[0]
    print("# 50 in %.1f s, at most %d in a second" % (took, worst))
    assert took >= 3.5, took
    assert worst <= 21, worst


@test
def connections_are_limited(w):
    feed(w, "conns.test", 40)
    w.conns.wait(40, 30)
    most, opened = at_once(w.conns)
    print("# %d at once of %d" % (most, opened))
    assert 2 <= most <= 3, most


@test
def messages_of_a_connection_are_limited(w):
    feed(w, "per.test", 23)
    w.per.wait(23, 30)
    wait(lambda: len(w.per.events("close")) == len(w.per.events("open")), 10,
         "the connections to end")
    counts = [e["n"] for e in w.per.events("close")]
    assert max(counts) <= 5, counts


@test
def connect_rate_is_kept(w):
    feed(w, "crate.test", 9)
    w.crate.wait(9, 30)
    times = sorted(e["t"] for e in w.crate.events("open"))
    worst = max(sum(1 for x in times if t <= x < t + 1) for t in times)
    print("# %d connections in %.1f s" % (len(times), times[-1] - times[0]))
    assert worst <= 5, worst
    assert times[-1] - times[0] >= 2.5


@test
def blocked_sites_delay_no_other(w):
    feed(w, "down.test", 30)
    for i in range(10):
        submit(w.d.port, "a@sender.test", "stall-rcpt@stall.test", message())
    t0 = time.monotonic()
    feed(w, "free.test", 100)
    w.free.wait(100, 10)
    took = time.monotonic() - t0
    print("# the free site took %.1f s" % took)
    assert took < 5, took
    eq(len(w.d.accounting(event="sent", tenant="shop") and
           [a for a in w.d.accounting(event="sent")
            if a["recipient"].endswith("down.test")]), 0)


@test
def a_slow_campaign_leaves_room_for_another(w):
    jobs = [("a@sender.test", ["big%d@conns.test" % i],
             b"X-Campaign: big\r\n" + message()) for i in range(60)]
    submit_many(w.d.port, jobs)
    t0 = time.time()
    for i in range(3):
        submit(w.d.port, "a@sender.test", "urgent%d@conns.test" % i,
               b"X-Campaign: reset\r\nX-Priority-Class: transactional\r\n"
               + message())
    wait(lambda: len([1 for m in w.conns.events("mail")
                      if m["rcpt"][0].startswith("urgent")]) == 3, 10,
         "transactional mail")
    late = [m["t"] for m in w.conns.events("mail")
            if m["rcpt"][0].startswith("big")]
    w.conns.wait(40 + 60 + 3, 30)
    urgent = max(m["t"] for m in w.conns.events("mail")
                 if m["rcpt"][0].startswith("urgent"))
    after = [m for m in w.conns.events("mail") if m["t"] > urgent
             and m["rcpt"][0].startswith("big")]
    print("# urgent after %.1f s, %d of the big ones later" % (
        urgent - t0, len(after)))
    assert len(after) >= 20, (len(after), len(late))


main(make)
