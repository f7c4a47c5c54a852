#!/usr/bin/python3
"""kill -9 of redis between calls, and in the midst of them."""
import random
import threading

from rq import *

B = b"base0001"


def again(s):
    s.server.kill()
    s.server.start()


def start(s):
    """Another server life: everything is as it was told."""
    again(s)
    s.own()


@test
def all_that_was_answered_is_there(s):
    s.campaign()
    s.enqueue(*[(1, "a.test", s.now + 50 if n > 20 else 0, rec(n, base=B))
                for n in range(1, 31)], bases=[(B, b"x", 1)])
    s.lease((1, "a.test", 10))
    s.settle((1, 0, "k"), (2, 0, "d", s.now + 9), (3, 0, "b", "gh"),
             (4, 0, "p"))
    s.fn("suppress_add", hash8("user25"), "l1", "u")
    before = (s.everything(), s.camp(), s.bases(), s.stat())
    again(s)
    eq((s.everything(), s.camp(), s.bases(), s.stat()), before)
    s.own()
    while s.recover()[0]:
        pass
    places = s.everything()
    eq(sorted(places), [n for n in range(1, 31) if n not in (1, 3)])
    assert all(len(p) == 1 for p in places.values())
    assert s.balanced()


@test
def a_repeat_over_a_crash_is_answered(s):
    s.campaign()
    s.put(1)
    inc, seq = s.inc, s.seq
    again(s)
    eq(s.enqueue((1, "a.test", 0, rec(1)), inc=inc, seq=seq), [b"OK", b"k"])
    eq(s.lane(), [1])


@test
def the_new_incarnation_is_new(s):
    e, inc = s.epoch, s.inc
    start(s)
    eq((s.epoch, s.inc), (e + 1, inc + 1))


@test
def the_library_is_there_after_a_restart(s):
    again(s)
    names = str(s.server.c("FUNCTION", "LIST"))
    assert "facteur1_lease" in names


@test
def stages_and_marks_survive(s):
    o = Shard(s.server, tag="01")
    for q in (s, o):
        q.campaign()
        q.enqueue((1, "a.test", 0, rec(1, base=B)), T="T",
                  bases=[(B, b"x", "")])
    again(s)
    eq(s.fn("stages", s.now, 9), [b"T"])
    s.fn("commit", "T", s.now, 1)
    again(s)
    eq((s.fn("decide", "T", s.now), o.fn("stages", s.now, 9)),
       ([b"C"], [b"T"]))
    o.fn("commit", "T", s.now, 0)
    eq((s.lane(), o.lane()), ([1], [1]))


@test
def killed_while_enqueueing_nothing_answered_is_lost(s):
    s.campaign()
    for life in range(3):
        answered, stop = [], threading.Event()

        def feed():
            n = 1000000 * (life + 1)
            while not stop.is_set():
                ns = range(n, n + 20)
                try:
                    r = s.enqueue(*[(1, "d%d.test" % (i % 3), 0, rec(i))
                                    for i in ns])
                except (OSError, ValueError, AttributeError):
                    return
                eq(r[1], b"k" * 20)
                answered.extend(ns)
                n += 20
        t = threading.Thread(target=feed)
        t.start()
        time.sleep(0.2 + 0.1 * random.random())
        s.server.proc.kill()
        t.join()
        stop.set()
        again(s)
        s.own()
        s.seq = 0
        places = s.everything()
        assert len(answered) > 20
        eq([n for n in answered if len(places.get(n, ())) != 1], [])
        assert s.balanced()


main("--appendonly", "yes", "--appendfsync", "always")
