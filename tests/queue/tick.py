#!/usr/bin/python3
"""tick: due records and lanes that became ready."""
from rq import *

B = b"base0001"


def wait(s, *ns, c=1, d="a.test", at=1):
    s.enqueue(*[(c, d, s.now + at + i, rec(n, base=B))
                for i, n in enumerate(ns)], bases=[(B, b"x", "")])


@test
def the_earliest_due_comes_first(s):
    s.campaign()
    s.put(9)
    wait(s, 1, 2, 3)
    s.now += 2
    eq(s.tick(), [2, 0, b"1\na.test"])
    eq((s.lane(), s.dly()), ([1, 2, 9], [3]))
    s.now += 1
    eq(s.tick(), [1, 0, b"1\na.test"])
    eq(s.lane(), [3, 1, 2, 9])
    eq(s.tick(), [0, 0])


@test
def limits_and_more(s):
    s.campaign()
    wait(s, *range(1, 6))
    s.now += 100
    eq(s.tick(2)[:2], [2, 1])
    eq(s.tick(2)[:2], [2, 1])
    eq(s.tick(2)[:2], [1, 0])
    for i in range(5):
        s.put(10 + i, d="d%d.test" % i)
    r = s.tick(3)
    eq((r[:2], len(r)), ([0, 1], 5))
    r = s.tick(3)
    eq((r[:2], len(r)), ([0, 0], 4))
    eq(s.refused("tick", s.epoch, s.now, 0), "BADCALL")
    eq(s.refused("tick", s.epoch, "x", 1), "BADCALL")
    eq(s.refused("tick", s.epoch), "BADCALL")


@test
def into_a_paused_campaign_it_promotes(s):
    s.campaign()
    wait(s, 1)
    s.fn("campaign", "set", 1, s.now, "P")
    s.now += 9
    eq(s.tick(), [1, 0, b"1\na.test"])
    eq(s.lane(), [1])


@test
def into_a_cancelled_campaign_it_drops(s):
    s.campaign()
    s.campaign(2)
    wait(s, 1, 2)
    wait(s, 3, c=2)
    s.fn("campaign", "set", 1, s.now, "X")
    s.now += 9
    eq(s.tick(), [3, 0, b"2\na.test"])
    eq((s.camp()["c"], s.everything(), s.bases()),
       (2, {3: ["lane"]}, {B: 1}))
    assert s.balanced(1) and s.balanced(2)


@test
def error_part_way_then_repeat(s):
    for k in ("q:1:b.test", "r:2", "c:2", "new", "r:1", "q:1:a.test"):
        s.server.c("FLUSHALL")
        s.own()
        s.campaign()
        s.campaign(2)
        s.tick()
        wait(s, 1, 2)
        wait(s, 3, d="b.test")
        wait(s, 4, c=2)
        s.now += 99
        mend = s.break_key(k, "string")
        for _ in range(3):
            eq(s.refused("tick", s.epoch, s.now, 99), "WRONGTYPE")
        mend()
        eq(sorted(s.tick()[2:]), [b"1\na.test", b"1\nb.test", b"2\na.test"])
        eq(s.everything(), {n: ["lane"] for n in (1, 2, 3, 4)})
        eq(s.lane()[:2], [1, 2])
        eq((s.bases(), s.dly()), ({B: 4}, []))


@test
def one_damaged_lane_stops_no_other(s):
    s.campaign()
    wait(s, 1, d="bad.test")
    wait(s, 2, 3)
    s.now += 99
    mend = s.break_key("q:1:bad.test", "string")
    eq(s.refused("tick", s.epoch, s.now, 99), "WRONGTYPE")
    eq((s.lane(), s.dly()), ([2, 3], [1]))
    eq(len(s.lease()[0][2]), 2)
    mend()


@test
def a_member_that_is_no_record_is_left_alone(s):
    s.campaign()
    s.server.c("ZADD", s.key("dly"), 1, "junk")
    wait(s, 1)
    s.now += 9
    eq(s.tick(), [1, 0, b"1\na.test"])
    eq(s.server.c("ZCARD", s.key("dly")), 1)


main()
