#!/usr/bin/python3
"""settle and late: every outcome, repeats, errors part-way."""
from rq import *

B = b"base0001"


def fly(s, *ns, c=1, **kw):
    """The records in flight, each with the base."""
    if not s.fn("campaign", "get", c):
        s.campaign(c)
    s.enqueue(*[(c, "a.test", 0, rec(n, base=B, **kw)) for n in ns],
              bases=[(B, b"bytes", "")])
    r = s.lease((c, "a.test", 256))
    eq(len(r[0][2]), len(ns))


@test
def final_outcomes_count_and_release(s):
    fly(s, 1, 2, 3, 4, 5)
    eq(s.settle((1, 0, "k"), (2, 0, "b", "gh"), (3, 0, "x"), (4, 0, "f"),
                (5, 0, "c")), b"kkkkk")
    n = s.camp()
    eq([n[k] for k in "qkbxfc"], [5, 1, 1, 1, 1, 1])
    eq((s.bases(), s.everything(), s.stat()["queued"]), ({}, {}, 0))
    assert s.fn("base", B) is None
    eq(s.fn("suppress", "test", hash8("user2"), "g", "t1"), [b"h", b""])
    assert s.balanced()


@test
def a_bounce_without_reason_suppresses_nothing(s):
    fly(s, 1)
    s.settle((1, 0, "b"))
    eq(s.fn("suppress", "count"), [])


@test
def deferral_waits_with_one_more_attempt(s):
    fly(s, 1)
    eq(s.settle((1, 0, "d", s.now + 10)), b"k")
    eq((s.dly(), s.camp()["d"], s.bases()), ([1], 1, {B: 1}))
    s.now += 10
    s.tick()
    eq(s.lease()[0][2], [rec(1, base=B, attempt=1)])
    for n in (255, 256, 65535):
        s.server.c("HSET", s.key("inf"), ident(1),
                   b"1\na.test\n" + rec(1, base=B, attempt=n))
        eq(s.settle((1, n, "d", 0)), b"k")
        s.tick()
        eq(s.lease()[0][2], [rec(1, base=B, attempt=min(n + 1, 65535))])


@test
def repeats_and_strangers_change_nothing(s):
    fly(s, 1, 2)
    eq(s.settle((1, 0, "d", s.now + 10), (3, 0, "k"), (2, 1, "k")), b"k--")
    eq(s.settle((1, 0, "d", s.now + 99), (1, 0, "k")), b"--")
    s.now += 10
    s.tick()
    s.lease()
    eq(s.settle((1, 0, "k")), b"-")
    eq(s.settle((1, 1, "k"), (1, 1, "k")), b"k-")
    n = s.camp()
    eq((n["d"], n["k"], s.inflight(), s.bases()), (1, 1, [2], {B: 1}))
    assert s.balanced()


@test
def released_records_go_to_the_head(s):
    fly(s, 1, 2)
    s.put(3)
    s.tick()
    eq(s.settle((1, 0, "r"), (2, 0, "r")), b"kk")
    eq((s.lane(), s.tick()[2:]), ([1, 2, 3], []))
    eq(s.lease()[0][2][0], rec(1, base=B))


@test
def an_emptied_lane_is_told_again_on_release(s):
    fly(s, 1)
    s.tick()
    s.settle((1, 0, "r"))
    eq(s.tick()[2:], [b"1\na.test"])


@test
def parked_records_stay_queued(s):
    fly(s, 1)
    eq(s.settle((1, 0, "p")), b"k")
    eq((s.everything(), s.bases(), s.stat()["parked"]),
       ({1: ["parked"]}, {B: 1}, 1))
    assert s.balanced()


@test
def into_a_cancelled_campaign(s):
    fly(s, 1, 2, 3, 4, 5)
    s.fn("campaign", "set", 1, s.now, "X")
    eq(s.settle((1, 0, "d", s.now), (2, 0, "r"), (3, 0, "p"), (4, 0, "k"),
                (5, 0, "b", "gh")), b"ccckk")
    n = s.camp()
    eq((n["c"], n["k"], n["b"], n.get("d", 0)), (3, 1, 1, 0))
    eq((s.everything(), s.bases()), ({}, {}))
    assert s.balanced()


@test
def a_late_outcome_wins_over_another_try(s):
    fly(s, 1, 2, 3)
    s.fn("late", ident(1), 0, "k", ident(2), 0, "k")
    eq(s.settle((1, 0, "d", s.now), (2, 0, "b"), (3, 0, "d", s.now)), b"kkk")
    n = s.camp()
    eq((n["k"], n["b"], n["d"], s.dly(), s.stat()["late"]),
       (1, 1, 1, [3], 0))
    assert s.balanced()


@test
def late_keeps_final_outcomes_without_an_epoch(s):
    eq(s.fn("late", ident(1), 0, "k", ident(2), 0, "d", ident(3), 1, "x"), 2)
    eq(s.stat()["late"], 2)
    eq(s.refused("late", ident(1), 0), "BADCALL")
    eq(s.refused("late", ident(1), "x", "k"), "BADCALL")
    eq(s.refused("late", ident(1), 0, "z"), "BADCALL")


@test
def a_full_batch(s):
    fly(s, *range(1, 257))
    eq(s.settle(*[(n, 0, "k") for n in range(1, 257)]), b"k" * 256)
    eq((s.camp()["k"], s.bases()), (256, {}))


@test
def error_part_way_then_repeat(s):
    outs = ((1, 0, "d", 1700000000001), (2, 0, "r"), (3, 0, "p"),
            (4, 0, "k"), (5, 0, "b", "gh"))
    h = hash8("user5")
    for k in ("dly", "park", "q:1:a.test", "r:1", "sn", "inf", "c:1", "late",
              "s:%04d" % ((h[0] * 256 + h[1]) % 4096)):
        s.server.c("FLUSHALL")
        s.own()
        fly(s, 1, 2, 3, 4, 5)
        mend = s.break_key(k, "string")
        try:
            s.settle(*outs)
            raise AssertionError("not refused: " + k)
        except RedisError as e:
            eq(e.word, "WRONGTYPE")
        mend()
        # a repeat settles what the first left
        for i, l in enumerate(s.settle(*outs).decode()):
            assert l in "k-", l
        eq(s.everything(), {1: ["deferred"], 2: ["lane"], 3: ["parked"]})
        n = s.camp()
        eq([n[x] for x in "qdkb"], [5, 1, 1, 1])
        eq((s.bases(), s.stat()["queued"]), ({B: 3}, 1))
        eq(s.fn("suppress", "test", h, "g"), [b"h"])


@test
def a_damaged_base_count_leaks_and_nothing_worse(s):
    fly(s, 1, 2)
    mend = s.break_key("bc", "string")
    eq(s.refused("settle", s.epoch, s.now, ident(1), 0, "k", "", ""),
       "WRONGTYPE")
    mend()
    eq(s.settle((1, 0, "k")), b"-")
    eq((s.bases(), s.camp()["k"]), ({B: 2}, 1))


@test
def two_owners_one_settles(s):
    fly(s, 1)
    old = s.epoch
    s.own("d1")
    eq(s.refused("settle", old, s.now, ident(1), 0, "k", "", ""), "FENCED")
    eq((s.inflight(), s.camp().get("k", 0)), ([1], 0))
    eq(s.settle((1, 0, "k")), b"k")


@test
def bad_arguments(s):
    e, n = s.epoch, s.now
    good = [ident(1), 0, "k", "", ""]
    for a in ((), (e,), (e, n), (e, n, *good[:4]), (e, "x", *good),
              (e, n, ident(1), "x", "k", "", ""),
              (e, n, ident(1), 0, "z", "", ""),
              (e, n, ident(1), 0, "d", "", ""),
              (e, n, ident(1), 0, "b", "h", ""),
              (e, n, ident(1), 0, "b", "gz", ""), (e, n, *(good * 257))):
        eq(s.refused("settle", *a), "BADCALL")


main()
