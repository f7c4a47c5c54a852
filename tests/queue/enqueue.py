#!/usr/bin/python3
"""enqueue: letters, bases, repeats, suppression, and errors part-way."""
from rq import *

B = b"base0001"


@test
def records_reach_their_lanes_in_order(s):
    s.campaign()
    s.campaign(2)
    eq(s.enqueue(*[(1 + n % 2, "a.test" if n < 5 else "b.test", 0, rec(n))
                   for n in range(1, 9)]), [b"OK", b"k" * 8])
    eq((s.lane(1, "a.test"), s.lane(2, "a.test"), s.lane(2, "b.test")),
       ([2, 4], [1, 3], [5, 7]))
    eq(s.stat()["queued"], 8)
    eq(sorted(s.tick()[2:]), [b"1\na.test", b"1\nb.test", b"2\na.test",
                              b"2\nb.test"])
    s.put(9)
    eq(s.tick(), [0, 0])


@test
def later_records_wait(s):
    s.campaign()
    s.enqueue((1, "a.test", s.now + 1, rec(1)), (1, "a.test", s.now, rec(2)))
    eq((s.dly(), s.lane()), ([1], [2]))
    eq(s.camp()["q"], 2)


@test
def unknown_campaigns_write_nothing(s):
    s.campaign()
    r = s.enqueue((1, "a.test", 0, rec(1)), (2, "a.test", 0, rec(2)),
                  (3, "a.test", 0, rec(3)))
    eq((r[0], sorted(r[1:])), (b"NOCAMP", [b"2", b"3"]))
    eq(s.enqueue(bases=[(B, b"x", 4)]), [b"NOCAMP", b"4"])
    eq((s.lane(), s.bases()), ([], {}))


@test
def missing_bases_write_nothing(s):
    s.campaign()
    eq(s.put(1, base=B), [b"NOBASE", B])
    eq((s.lane(), s.bases()), ([], {}))
    eq(s.enqueue((1, "a.test", 0, rec(1, base=B)), seq=1,
                 bases=[(B, b"bytes", "")]), [b"OK", b"k"])
    eq(s.fn("base", B), b"bytes")
    eq(s.enqueue((1, "a.test", 0, rec(2, base=B)), seq=2,
                 bases=[(B, b"other", "")]), [b"OK", b"k"])
    eq((s.fn("base", B), s.bases()), (b"bytes", {B: 2}))


@test
def a_base_nobody_needs_is_not_kept(s):
    s.campaign()
    s.fn("suppress_add", hash8("user1"), "g", "h")
    eq(s.enqueue((1, "a.test", 0, rec(1, base=B)),
                 bases=[(B, b"bytes", "")]), [b"OK", b"s"])
    eq(s.bases(), {})
    assert s.fn("base", B) is None


@test
def a_pin_is_taken_over(s):
    s.campaign()
    s.enqueue((1, "a.test", 0, rec(1, base=B)), bases=[(B, b"1", 1)])
    s.enqueue((1, "a.test", 0, rec(2, base=B)), bases=[(B, b"1", 1)])
    eq(s.bases(), {B: 3})
    s.enqueue(bases=[(b"base0002", b"2", 1)])
    eq(s.bases(), {B: 2, b"base0002": 1})


@test
def repeats_are_answered_and_not_done(s):
    s.campaign()
    args = ((1, "a.test", 0, rec(1, base=B)), (1, "b.test", 0, rec(2)))
    for _ in range(3):
        eq(s.enqueue(*args, seq=7, bases=[(B, b"x", "")]), [b"OK", b"kk"])
    eq((s.lane(), s.camp()["q"], s.bases()), ([1], 2, {B: 1}))
    eq(s.enqueue(*args, seq=7 + 64), [b"OK", b"kk"])
    try:
        s.enqueue(*args, seq=7)
        raise AssertionError("an old sequence was taken")
    except RedisError as e:
        eq(e.word, "BADCALL")
    eq(s.lane(), [1, 1])


@test
def repeats_of_another_incarnation_are_not(s):
    s.campaign()
    s.put(1)
    s.seq = 0
    s.own()
    s.put(2)
    eq(s.lane(), [1, 2])


@test
def suppression_falls_out_by_scope(s):
    s.campaign(1, scopes="g t1 l1")
    s.campaign(2, scopes="g t1")
    s.campaign(3, scopes="g t2 l7 l9")
    s.campaign(4, scopes="")
    for u, scope in (("u1", "g"), ("u2", "t1"), ("u3", "l1"), ("u4", "l9")):
        s.fn("suppress_add", hash8(u), scope, "u")
    want = {1: b"sssk", 2: b"sskk", 3: b"skks", 4: b"kkkk"}
    for c, letters in want.items():
        eq(s.enqueue(*[(c, "a.test", 0, rec(10 * c + i, addr="u%d" % i))
                       for i in range(1, 5)]), [b"OK", letters])
        n = letters.count(b"s")
        eq((s.camp(c).get("u", 0), s.camp(c)["q"]), (n, 4))
        assert s.balanced(c)
    eq(s.stat()["queued"], 9)


@test
def cancelled_campaigns_refuse(s):
    s.campaign()
    s.campaign(2)
    s.fn("campaign", "set", 1, s.now, "X")
    eq(s.enqueue((1, "a.test", 0, rec(1, base=B)), (2, "a.test", 0, rec(2)),
                 bases=[(B, b"x", 1)]), [b"OK", b"xk"])
    eq((s.camp().get("q", 0), s.bases()), (0, {}))


@test
def paused_campaigns_accept(s):
    s.campaign(state="P")
    eq(s.put(1), [b"OK", b"k"])


@test
def an_error_part_way_leaves_nothing_and_repeats(s):
    recs = ((1, "a.test", 0, rec(1, base=B)), (1, "b.test", 0, rec(2)),
            (1, "c.test", s.now + 9, rec(3)), (2, "a.test", 0, rec(4)))
    for k in ("q:1:b.test", "q:2:a.test", "r:1", "r:2", "dly", "new", "rc",
              "bc", "c:2", "m"):
        s.server.c("FLUSHALL")
        s.own()
        s.campaign()
        s.campaign(2)
        s.put(9)
        mend = s.break_key(k, "string")
        try:
            s.enqueue(*recs, seq=500, bases=[(B, b"bytes", 1)])
            raise AssertionError("not refused: " + k)
        except RedisError as e:
            eq(e.word, "WRONGTYPE")
        mend()
        eq(sorted(s.everything()), [9])
        eq(s.camp()["q"], 1)
        eq(s.enqueue(*recs, seq=500, bases=[(B, b"bytes", 1)]),
           [b"OK", b"kkkk"])
        eq({k: len(v) for k, v in s.everything().items()},
           {1: 1, 2: 1, 3: 1, 4: 1, 9: 1})
        eq((s.camp()["q"], s.camp(2)["q"], s.stat()["queued"]), (4, 1, 4))
        eq(s.bases(), {B: 2})
        eq(sorted(s.tick()[2:]), [b"1\na.test", b"1\nb.test", b"2\na.test"])


@test
def a_damaged_bucket_is_an_error(s):
    s.campaign()
    h = hash8("user1")
    k = "s:%04d" % ((h[0] * 256 + h[1]) % 4096)
    mend = s.break_key(k, "string")
    try:
        s.put(1, base=B)
        raise AssertionError("not refused")
    except RedisError as e:
        eq(e.word, "WRONGTYPE")
    mend()
    eq(s.lane(), [])


@test
def a_full_memory_refuses_and_loses_nothing(s):
    s.campaign()
    s.put(1)
    s.server.c("CONFIG", "SET", "maxmemory", "1mb")
    try:
        for call in (("campaign_new", 5, s.now, "A", "g", ""),
                     ("intern", "c", "x"),
                     ("suppress_add", hash8("u"), "g", "h")):
            eq(s.refused(*call), "OOM")
        try:
            s.put(2)
            raise AssertionError("not refused")
        except RedisError as e:
            eq(e.word, "OOM")
        # what empties the queue goes on
        eq(len(s.lease()[0][2]), 1)
        eq(s.settle((1, 0, "d", s.now)), b"k")
        eq(s.tick()[0], 1)
        eq(len(s.lease()[0][2]), 1)
        eq(s.recover()[0], 1)
        eq(s.fn("campaign", "set", 1, s.now, "X"), [b"X"])
        eq(len(s.fn("reap", s.epoch, s.now, 1, 9)), 3)
    finally:
        s.server.c("CONFIG", "SET", "maxmemory", "0")
    assert s.balanced()


@test
def bad_arguments(s):
    s.campaign()
    ok = [s.inc, 1, s.now, "", 0, 1, "a.test", 0, rec(1)]

    def wrong(i, v):
        a = list(ok)
        a[i] = v
        eq(s.refused("enqueue", *a), "BADCALL")
    for i, v in ((0, "x"), (1, ""), (2, "-1"), (4, "x"), (4, 1), (5, "one"),
                 (6, ""), (6, "a\nb"), (7, "soon"), (8, b"x" * 29)):
        wrong(i, v)
    eq(s.refused("enqueue", *ok[:-1]), "BADCALL")
    eq(s.refused("enqueue", *ok[:5]), "BADCALL")
    eq(s.refused("enqueue"), "BADCALL")
    eq(s.refused("enqueue", *ok[:5], *(ok[5:] * 257)), "BADCALL")
    eq(s.enqueue(*[(1, "a.test", 0, rec(n)) for n in range(256)]),
       [b"OK", b"k" * 256])


main()
