#!/usr/bin/python3
"""expire and reap."""
from rq import *

B = b"base0001"
PAST, FUTURE = 1600000000, 1800000000


def expire(s, limit=256):
    """One whole walk."""
    got, cur = [], b"0"
    while True:
        r = s.fn("expire", s.epoch, s.now, cur, limit)
        cur = r[0]
        got += [struct.unpack(">Q", x[:8])[0] for x in r[3::3]]
        if cur == b"0":
            return sorted(got)


def fill(s, total=60, c=1):
    """Two of three expired, in three lanes and deferred."""
    s.enqueue(*[(c, "d%d.test" % (n % 3), s.now + 999 if n % 4 == 0 else 0,
                 rec(n, base=B, expires=(PAST, FUTURE, PAST)[n % 7 % 3]))
                for n in range(1, total + 1)], bases=[(B, b"x", "")])
    return [n for n in range(1, total + 1) if n % 7 % 3 != 1]


@test
def everything_expired_and_nothing_else_goes_in_flight(s):
    for limit in (1, 2, 7, 256):
        s.server.c("FLUSHALL")
        s.own()
        s.campaign()
        want = fill(s)
        eq(expire(s, limit), want)
        eq(s.inflight(), want)
        eq(sorted(s.everything()), list(range(1, 61)))
        eq(s.settle(*[(n, 0, "x") for n in want]), b"k" * len(want))
        eq((s.camp()["x"], s.bases()), (len(want), {B: 60 - len(want)}))
        assert s.balanced()


@test
def order_of_the_rest_is_kept(s):
    s.campaign()
    s.enqueue(*[(1, "a.test", 0, rec(n, expires=PAST if n % 3 else 0))
                for n in range(1, 20)])
    expire(s, 4)
    eq(s.lane(), [3, 6, 9, 12, 15, 18])


@test
def the_second_of_expiry_counts_and_zero_never_does(s):
    s.campaign()
    t = s.now // 1000
    for n, e in ((1, t - 1), (2, t), (3, t + 1), (4, 0)):
        s.put(n, expires=e)
    eq(expire(s), [1, 2])


@test
def held_and_paused_mail_expires(s):
    s.campaign()
    s.campaign(2)
    s.put(1, expires=PAST)
    s.put(2, c=2, expires=PAST)
    s.fn("hold", s.epoch, 1, s.now + 9999, "a.test")
    s.fn("campaign", "set", 2, s.now, "P")
    eq(expire(s), [1, 2])
    eq(s.fn("lanes", "0", 9), [b"0"])


@test
def cancelled_mail_is_left_to_reap(s):
    s.campaign()
    s.put(1, expires=PAST)
    s.fn("campaign", "set", 1, s.now, "X")
    eq(expire(s), [])
    eq(s.lane(), [1])


@test
def a_late_outcome_settles_instead(s):
    s.campaign()
    s.put(1, expires=PAST)
    s.put(2, expires=PAST)
    s.fn("late", ident(1), 0, "k")
    eq(expire(s), [2])
    eq((s.camp()["k"], s.stat()["late"]), (1, 0))
    assert s.balanced()


@test
def mail_that_comes_and_goes_meanwhile(s):
    s.campaign()
    s.enqueue(*[(1, "a.test", 0, rec(n, expires=PAST)) for n in range(1, 101)])
    cur, i, got = b"0", 1000, []
    while True:
        r = s.fn("expire", s.epoch, s.now, cur, 7)
        got += r[3::3]
        cur = r[0]
        if cur == b"0":
            break
        i += 1
        s.put(i)
        s.put(i + 5000, d="zz%d.test" % i)
        s.lease((1, "a.test", 1))
    eq(len(set(got)), len(got))
    assert not [x for x in s.lane() if x <= 100]
    assert s.balanced()


@test
def error_part_way_then_repeat(s):
    for k in ("inf", "c:2", "late", "q:1:d1.test", "r:1"):
        s.server.c("FLUSHALL")
        s.own()
        s.campaign()
        s.campaign(2)
        want = fill(s)
        s.put(100, c=2, expires=PAST)
        mend = s.break_key(k, "string")
        got, cur = [], b"0"
        try:
            for _ in range(99):
                r = s.fn("expire", s.epoch, s.now, cur, 5)
                got += [struct.unpack(">Q", x[:8])[0] for x in r[3::3]]
                cur = r[0]
                if cur == b"0":
                    break
        except RedisError as e:
            eq(e.word, "WRONGTYPE")
        mend()
        got += expire(s, 5)
        eq(sorted(got), want + [100])
        eq(s.inflight(), want + [100])


@test
def a_copy_that_an_error_left_goes(s):
    s.campaign()
    s.put(1, expires=PAST)
    s.server.c("ZADD", s.key("dly"), 9, b"1\na.test\n" + rec(1, expires=PAST))
    eq(expire(s), [1])
    eq(s.everything(), {1: ["in flight"]})


def reap(s, limit=256, c=1):
    got = []
    while True:
        r = s.fn("reap", s.epoch, s.now, c, limit)
        got += [struct.unpack(">Q", x[:8])[0] for x in r[2::2]]
        if r[0] == 0:
            return sorted(got)


@test
def reap_drops_lanes_and_deferred(s):
    for limit in (1, 10, 256):
        s.server.c("FLUSHALL")
        s.own()
        s.campaign()
        s.campaign(2)
        fill(s)
        s.enqueue((2, "d0.test", 0, rec(100, base=B)),
                  (2, "d0.test", s.now + 9, rec(101, base=B)))
        s.lease((1, "d1.test", 1))
        fly = s.inflight()
        s.fn("campaign", "set", 1, s.now, "X")
        eq(reap(s, limit), [n for n in range(1, 61) if n not in fly])
        eq((s.fn("reaping"), s.camp()["c"]), ([], 59))
        eq(sorted(s.everything()), sorted(fly + [100, 101]))
        eq(s.settle((fly[0], 0, "d", 9)), b"c")
        eq((s.camp()["c"], s.bases()), (60, {B: 2}))
        assert s.balanced() and s.balanced(2)


@test
def reap_of_many_deferred_goes_on_where_it_stopped(s):
    s.campaign()
    s.campaign(2)
    for k in range(4):
        s.enqueue(*[(1 + n % 2, "a.test", s.now + n, rec(1000 * k + n))
                    for n in range(1, 201)])
    s.fn("campaign", "set", 1, s.now, "X")
    eq(len(reap(s, 20)), 400)
    eq((s.camp()["c"], len(s.dly())), (400, 400))


@test
def reap_of_a_living_campaign_does_nothing(s):
    s.campaign()
    s.put(1)
    eq(s.fn("reap", s.epoch, s.now, 1, 9), [0])
    eq(s.lane(), [1])


@test
def reap_part_way_then_repeat(s):
    for k in ("q:1:b.test", "r:1", "dly", "c:1", "bc"):
        s.server.c("FLUSHALL")
        s.own()
        s.campaign()
        s.enqueue((1, "a.test", 0, rec(1, base=B)),
                  (1, "b.test", 0, rec(2, base=B)),
                  (1, "c.test", s.now + 9, rec(3, base=B)),
                  bases=[(B, b"x", "")])
        s.fn("campaign", "set", 1, s.now, "X")
        mend = s.break_key(k, "string")
        eq(s.refused("reap", s.epoch, s.now, 1, 9), "WRONGTYPE")
        mend()
        eq(s.fn("reaping"), [b"1"])
        reap(s)
        eq((s.everything(), s.camp()["c"], s.stat()["queued"]), ({}, 3, 0))


@test
def bad_arguments(s):
    for call in (("expire",), ("expire", s.epoch, s.now, "x", 1),
                 ("expire", s.epoch, "x", "0", 1),
                 ("expire", s.epoch, s.now, "0", 0),
                 ("expire", s.epoch, s.now, "l 1 2", 5),
                 ("reap", s.epoch, s.now, "x", 1), ("reap", s.epoch)):
        eq(s.refused(*call), "BADCALL")


main()
