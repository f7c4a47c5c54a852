#!/usr/bin/python3
"""recover and lanes: what a new owner finds."""
from rq import *

B = b"base0001"


@test
def in_flight_returns_to_the_heads(s):
    s.campaign()
    s.enqueue(*[(1, "a.test", 0, rec(n, base=B)) for n in range(1, 5)],
              bases=[(B, b"x", "")])
    s.put(6, d="b.test")
    s.lease((1, "a.test", 2), (1, "b.test", 9))
    s.own()
    r = s.recover()
    eq((r[0], sorted(r[1:])), (3, [b"1\na.test", b"1\nb.test"]))
    eq((s.lane(), s.lane(d="b.test")), ([1, 2, 3, 4], [6]))
    eq(s.recover(), [0])
    eq(s.bases(), {B: 4})
    assert s.balanced()


@test
def in_pieces_until_none_is_left(s):
    s.campaign()
    for k in range(3):
        s.enqueue(*[(1, "a.test", 0, rec(n + 1000 * k))
                    for n in range(1, 201)])
        s.lease((1, "a.test", 200))
    total = 0
    while True:
        n = s.recover(100)[0]
        if n == 0:
            break
        assert n <= 256
        total += n
    eq((total, len(s.lane()), len(set(s.lane()))), (600, 600, 600))


@test
def late_outcomes_and_cancelled_campaigns(s):
    s.campaign()
    s.campaign(2)
    s.enqueue((1, "a.test", 0, rec(1, base=B)),
              (1, "a.test", 0, rec(2, base=B)),
              (2, "a.test", 0, rec(3, base=B)), bases=[(B, b"x", "")])
    s.lease((1, "a.test", 9), (2, "a.test", 9))
    s.fn("late", ident(1), 0, "b")
    s.fn("campaign", "set", 2, s.now, "X")
    s.own()
    eq(s.recover(), [3, b"1\na.test"])
    eq((s.camp()["b"], s.camp(2)["c"], s.bases(), s.stat()["late"]),
       (1, 1, {B: 1}, 0))
    eq(s.everything(), {2: ["lane"]})


@test
def error_part_way_then_repeat(s):
    for k in ("q:1:b.test", "r:2", "c:2", "q:1:a.test", "late", "inf"):
        s.server.c("FLUSHALL")
        s.own()
        s.campaign()
        s.campaign(2)
        s.enqueue((1, "a.test", 0, rec(1)), (1, "b.test", 0, rec(2)),
                  (2, "a.test", 0, rec(3)))
        s.lease((1, "a.test", 9), (1, "b.test", 9), (2, "a.test", 9))
        mend = s.break_key(k, "string")
        for _ in range(2):
            eq(s.refused("recover", s.epoch, s.now, 99), "WRONGTYPE")
        mend()
        s.recover()
        eq(s.everything(), {n: ["lane"] for n in (1, 2, 3)})
        eq(sorted(s.fn("lanes", "0", 9)[1:]),
           [b"1\na.test", b"1\nb.test", b"2\na.test"])


@test
def all_lanes_of_all_campaigns(s):
    want = set()
    for c in (1, 2, 5, 9):
        s.campaign(c)
        if c == 2:
            continue
        for i in range(300 if c == 5 else 3):
            s.enqueue((c, "d%d.test" % i, 0, rec(1000 * c + i)))
            want.add(b"%d\nd%d.test" % (c, i))
    for limit in (1, 7, 100, 256):
        seen, cur = set(), b"0"
        while True:
            r = s.fn("lanes", cur, limit)
            cur = r[0]
            seen.update(r[1:])
            if cur == b"0":
                break
        eq(seen, want)
    eq(s.refused("lanes", "x", 1), "BADCALL")
    eq(s.refused("lanes", "0", 0), "BADCALL")


@test
def the_walk_misses_no_lane_that_stays(s):
    s.campaign()
    s.campaign(2)
    for i in range(400):
        s.put(i + 1, d="d%03d.test" % i)
    s.put(1000, c=2)
    seen, cur, i = set(), b"0", 0
    while True:
        r = s.fn("lanes", cur, 20)
        cur = r[0]
        seen.update(r[1:])
        if cur == b"0":
            break
        s.lease(*[(1, "d%03d.test" % (2 * j + 1), 1)
                  for j in range(i, min(i + 5, 200))])
        i += 5
    for j in range(0, 400, 2):
        assert b"1\nd%03d.test" % j in seen
    assert b"2\na.test" in seen


main()
