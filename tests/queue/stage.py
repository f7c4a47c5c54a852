#!/usr/bin/python3
"""enqueue with T, commit, decide, forget, unstage, stages."""
from rq import *

B = b"base0001"


def two(s):
    """Home and another shard, each with the campaign."""
    o = Shard(s.server, tag="01")
    s.campaign()
    o.campaign()
    return o


def stage(s, *ns, T="T1", **kw):
    return s.enqueue(*[(1, "a.test", 0, rec(n, base=B, **kw)) for n in ns],
                     T=T, bases=[(B, b"bytes", "")])


@test
def staged_records_cannot_be_leased(s):
    s.campaign()
    eq(stage(s, 1, 2), [b"OK", b"kk"])
    eq(s.lease()[0][2], [])
    eq((s.tick(), s.camp().get("q", 0), s.stat()["staged"]), ([0, 0], 0, 1))
    eq(s.bases(), {B: 2})


@test
def commit_home_first_then_elsewhere(s):
    o = two(s)
    stage(s, 1)
    stage(o, 2)
    eq(s.fn("commit", "T1", s.now, 1), [b"COMMITTED"])
    eq((s.lane(), o.lane()), ([1], []))
    eq(o.fn("commit", "T1", s.now, 0), [b"COMMITTED"])
    eq((s.lane(), o.lane()), ([1], [2]))
    for q in (s, o):
        eq((q.camp()["q"], q.stat()["staged"], q.tick()[2:]),
           (1, 0, [b"1\na.test"]))
        eq(q.fn("commit", "T1", s.now, 1 if q is s else 0), [b"COMMITTED"])
        eq((q.camp()["q"], len(q.lane())), (1, 1))
    eq(s.fn("decide", "T1", s.now), [b"C"])
    eq(s.fn("forget", "T1"), 1)
    eq(s.fn("forget", "T1"), 0)


@test
def an_undecided_message_is_aborted_once(s):
    o = two(s)
    stage(s, 1)
    stage(o, 2)
    eq(s.fn("stages", s.now, 10), [b"T1"])
    eq(s.fn("decide", "T1", s.now), [b"A"])
    eq(s.fn("commit", "T1", s.now, 1), [b"ABORTED"])
    eq(s.lane(), [])
    eq((s.fn("unstage", "T1"), o.fn("unstage", "T1")), (1, 1))
    eq((s.fn("unstage", "T1"), s.bases(), o.bases()), (0, {}, {}))
    eq((s.stat()["staged"], s.camp().get("q", 0)), (0, 0))
    eq(s.fn("decide", "T1", s.now), [b"A"])


@test
def an_orphan_of_a_committed_message_is_committed(s):
    o = two(s)
    stage(s, 1)
    stage(o, 2)
    s.fn("commit", "T1", s.now, 1)
    eq(o.fn("stages", s.now, 10), [b"T1"])
    eq(s.fn("decide", "T1", s.now), [b"C"])
    o.fn("commit", "T1", s.now, 0)
    eq((o.lane(), o.fn("stages", s.now, 10)), ([2], []))


@test
def suppressed_and_due_records(s):
    s.campaign()
    s.fn("suppress_add", hash8("user2"), "l1", "u")
    r = s.enqueue((1, "a.test", 0, rec(1)), (1, "a.test", 0, rec(2)),
                  (1, "a.test", s.now + 5, rec(3)), T="T")
    eq(r, [b"OK", b"ksk"])
    eq(s.camp().get("u", 0), 0)
    s.fn("commit", "T", s.now, 1)
    eq((s.lane(), s.dly(), s.camp()["u"], s.camp()["q"]), ([1], [3], 1, 3))
    assert s.balanced()


@test
def cancelled_between_stage_and_commit(s):
    s.campaign()
    stage(s, 1, 2)
    s.fn("campaign", "set", 1, s.now, "X")
    s.fn("commit", "T1", s.now, 1)
    eq((s.lane(), s.camp()["c"], s.bases()), ([], 2, {}))
    assert s.balanced()
    eq(s.stat()["queued"], 0)


@test
def a_stage_of_several_calls(s):
    s.campaign()
    for i in range(3):
        stage(s, *range(1000 * i, 1000 * i + 250))
    s.fn("commit", "T1", s.now, 1)
    eq((len(s.lane()), s.camp()["q"], s.bases()), (750, 750, {B: 750}))
    s.fn("unstage", "T1")
    eq(s.bases(), {B: 750})


@test
def a_big_stage_is_dropped_whole(s):
    s.campaign()
    for i in range(3):
        stage(s, *range(1000 * i, 1000 * i + 250))
    eq(s.fn("unstage", "T1"), 750)
    eq((s.bases(), s.server.c("EXISTS", s.key("st:T1"))), ({}, 0))


@test
def repeats_stage_once(s):
    s.campaign()
    for _ in range(2):
        s.enqueue((1, "a.test", 0, rec(1, base=B)), T="T1", seq=3,
                  bases=[(B, b"bytes", "")])
    s.fn("commit", "T1", s.now, 1)
    eq((s.lane(), s.bases()), ([1], {B: 1}))


@test
def an_error_in_staging_leaves_nothing(s):
    for k in ("st:T1", "sts"):
        s.server.c("FLUSHALL")
        s.own()
        s.campaign()
        mend = s.break_key(k, "string")
        try:
            stage(s, 1)
            raise AssertionError("not refused")
        except RedisError as e:
            eq(e.word, "WRONGTYPE")
        mend()
        eq((s.bases(), s.server.c("LLEN", s.key("st:T1"))), ({}, 0))
        eq(stage(s, 1), [b"OK", b"k"])
        s.fn("commit", "T1", s.now, 1)
        eq((s.lane(), s.bases()), ([1], {B: 1}))


@test
def a_commit_cut_short_is_finished_by_a_repeat(s):
    recs = ((1, "a.test", 0, rec(1, base=B)), (1, "b.test", 0, rec(2)),
            (1, "c.test", s.now + 9, rec(3)))
    for k in ("q:1:b.test", "r:1", "dly", "new", "cm"):
        s.server.c("FLUSHALL")
        s.own()
        s.campaign()
        s.enqueue(*recs, T="T1", bases=[(B, b"bytes", "")])
        mend = s.break_key(k, "string")
        eq(s.refused("commit", "T1", s.now, 1), "WRONGTYPE")
        mend()
        eq(s.stat()["staged"], 1)
        eq(s.fn("commit", "T1", s.now, 1), [b"COMMITTED"])
        eq({k: len(v) for k, v in s.everything().items()}, {1: 1, 2: 1, 3: 1})
        eq((s.camp()["q"], s.stat()["queued"], s.bases()), (3, 2, {B: 1}))
        assert s.balanced()


@test
def old_marks_go_young_ones_stay(s):
    for i in range(40):
        s.fn("decide", "old%d" % i, s.now)
    s.now += 31 * 86400000
    s.fn("commit", "young", s.now, 1)
    for _ in range(30):
        s.tick()
    eq(s.server.c("HKEYS", s.key("cm")), [b"young"])


@test
def bad_arguments(s):
    for call in (("commit",), ("commit", "", 1, 1), ("commit", "T", "x", 1),
                 ("decide", "T"), ("unstage",), ("stages", 1),
                 ("stages", "x", 1), ("stages", 1, 0), ("forget",)):
        eq(s.refused(*call), "BADCALL")


main()
