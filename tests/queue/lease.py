#!/usr/bin/python3
"""lease and hold."""
from rq import *

B = b"base0001"


def got(r):
    return [[struct.unpack(">Q", x[:8])[0] for x in lane[2]] for lane in r]


@test
def takes_from_the_head_and_says_whether_more(s):
    s.campaign()
    for n in range(1, 6):
        s.put(n)
    r = s.lease((1, "a.test", 2))
    eq((got(r), r[0][4:]), ([[1, 2]], [1, 0]))
    r = s.lease((1, "a.test", 3))
    eq((got(r), r[0][4:]), ([[3, 4, 5]], [0, 0]))
    eq(s.lease((1, "a.test", 3)), [[b"1", b"a.test", [], [], 0, 0]])
    eq((s.inflight(), s.fn("lanes", "0", 9)), ([1, 2, 3, 4, 5], [b"0"]))
    s.put(6)
    eq(s.tick(), [0, 0, b"1\na.test"])


@test
def several_lanes_in_order_of_asking(s):
    s.campaign()
    s.campaign(2)
    s.put(1, c=2)
    s.put(2, d="b.test")
    r = s.lease((1, "b.test", 9), (2, "a.test", 9), (1, "none.test", 9))
    eq([x[:2] for x in r], [[b"1", b"b.test"], [b"2", b"a.test"],
                            [b"1", b"none.test"]])
    eq(got(r), [[2], [1], []])


@test
def at_most_256_in_a_call(s):
    s.campaign()
    for d in ("a.test", "b.test"):
        s.enqueue(*[(1, d, 0, rec(n + (1000 if d == "b.test" else 0)))
                    for n in range(1, 201)])
    r = s.lease((1, "a.test", 200), (1, "b.test", 200), (1, "a.test", 1))
    eq([len(x[2]) for x in r], [200, 56, 0])
    eq([x[4] for x in r], [0, 1, 1])
    r = s.lease((1, "b.test", 999))
    eq((len(r[0][2]), r[0][4]), (144, 0))
    s.put(5000)
    r = s.lease((1, "a.test", 0))
    eq(r, [[b"1", b"a.test", [], [], 1, 0]])


@test
def held_lanes_give_nothing(s):
    s.campaign()
    s.put(1)
    for st, held in (("P", 1), ("A", 0)):
        s.fn("campaign", "set", 1, s.now, st)
        r = s.lease()
        eq((len(r[0][2]), r[0][5]), (1 - held, held))
    eq(s.lease((7, "a.test", 1)), [[b"7", b"a.test", [], [], 0, 1]])
    s.recover()
    s.fn("campaign", "set", 1, s.now, "X")
    s.put(2)
    eq(s.lease()[0][5], 1)


@test
def hold_sets_a_time_and_never_earlier(s):
    s.campaign()
    s.put(1)
    hold = lambda t: s.fn("hold", s.epoch, 1, t, "a.test", "nolane.test")
    eq(hold(s.now + 100), 1)
    eq(s.lease()[0][5], 1)
    eq(hold(s.now + 50), 0)
    s.now += 60
    eq(s.lease()[0][5], 1)
    s.now += 40
    eq(got(s.lease()), [[1]])
    eq(s.fn("lanes", "0", 9), [b"0"])


@test
def a_held_lane_still_takes_mail(s):
    s.campaign()
    s.put(1)
    s.fn("hold", s.epoch, 1, s.now + 100, "a.test")
    s.put(2)
    eq((s.lane(), s.lease()[0][5]), ([1, 2], 1))


@test
def suppressed_meanwhile_falls_out(s):
    s.campaign()
    s.enqueue(*[(1, "a.test", 0, rec(n, base=B)) for n in range(1, 5)],
              bases=[(B, b"x", "")])
    s.fn("suppress_add", hash8("user2"), "t1", "u", hash8("user3"), "t2", "u",
         hash8("user4"), "l1", "c")
    r = s.lease((1, "a.test", 3))
    eq((got(r), len(r[0][3]), r[0][4]), ([[1, 3]], 1, 1))
    eq(r[0][3], [rec(2, base=B)])
    r = s.lease((1, "a.test", 3))
    eq((got(r), len(r[0][3]), r[0][4]), ([[]], 1, 0))
    eq((s.camp()["u"], s.bases(), s.stat()["inflight"]), (2, {B: 2}, 2))
    assert s.balanced()
    eq(s.stat()["queued"], 0)


@test
def scopes_in_any_number(s):
    for c, scopes in ((1, ""), (2, "g"), (3, "t1 g"), (4, "t1 t2 g"),
                      (5, "t1 t2 t3 g"), (6, "g t1 t2 t3 t4 t5")):
        s.campaign(c, scopes=scopes)
        s.put(c, c=c, addr="x")
    s.fn("suppress_add", hash8("x"), "g", "r")
    r = s.lease(*[(c, "a.test", 9) for c in range(1, 7)])
    eq(got(r), [[1], [], [], [], [], []])
    eq([len(x[3]) for x in r], [0, 1, 1, 1, 1, 1])


@test
def a_late_outcome_settles_instead(s):
    s.campaign()
    for n in range(1, 4):
        s.enqueue((1, "a.test", 0, rec(n, base=B)), bases=[(B, b"x", "")])
    s.fn("late", ident(2), 0, "k", ident(3), 5, "b")
    r = s.lease()
    eq(got(r), [[1, 3]])
    eq((s.camp()["k"], s.bases(), s.stat()["late"]), (1, {B: 2}, 1))
    assert s.balanced()


@test
def a_copy_that_an_error_left_is_handed_out_once(s):
    s.campaign()
    s.put(1)
    s.put(2)
    c = s.server.c
    c("LPUSH", s.key("q:1:a.test"), rec(1))
    eq(got(s.lease((1, "a.test", 1))), [[1]])
    eq(got(s.lease()), [[2]])
    eq((s.lane(), s.inflight()), ([], [1, 2]))
    c("RPUSH", s.key("q:1:a.test"), rec(3), rec(3), b"junk", b"")
    eq(got(s.lease()), [[3]])
    eq(s.lane(), [])


@test
def a_damaged_lane_is_skipped_and_the_rest_leased(s):
    s.campaign()
    s.put(1)
    s.put(2, d="b.test")
    mend = s.break_key("q:1:a.test")
    r = s.lease((1, "a.test", 9), (1, "b.test", 9))
    eq((got(r), [x[5] for x in r]), ([[], [2]], [1, 0]))
    eq(s.refused("lease", s.epoch, s.now, 1, "a.test", 9), "WRONGTYPE")
    mend()
    eq(got(s.lease()), [[1]])


@test
def errors_of_any_key_lose_nothing(s):
    h = hash8("user1")
    for k in ("inf", "late", "c:1", "r:1", "q:1:a.test",
              "s:%04d" % ((h[0] * 256 + h[1]) % 4096)):
        s.server.c("FLUSHALL")
        s.own()
        s.campaign()
        s.enqueue((1, "a.test", 0, rec(1, base=B)), bases=[(B, b"x", "")])
        mend = s.break_key(k, "string")
        eq(s.refused("lease", s.epoch, s.now, 1, "a.test", 9), "WRONGTYPE")
        mend()
        eq(s.everything(), {1: ["lane"]})
        eq(got(s.lease()), [[1]])
        eq(s.everything(), {1: ["in flight"]})


@test
def what_was_leased_is_told_though_a_count_fails(s):
    s.campaign()
    for n in (1, 2):
        s.enqueue((1, "a.test", 0, rec(n, base=B)), bases=[(B, b"x", "")])
    s.fn("suppress_add", hash8("user1"), "g", "h")
    mend = s.break_key("bc", "string")
    eq(got(s.lease()), [[2]])
    mend()
    eq(s.bases(), {B: 2})
    assert s.balanced()


@test
def bad_arguments(s):
    e, n = s.epoch, s.now
    for a in ((), (e, n), (e, n, 1, "a"), (e, n, 1, "a", "x"),
              (e, "x", 1, "a", 1), (e, n, *([1, "a", 1] * 257))):
        eq(s.refused("lease", *a), "BADCALL")
    eq(s.refused("hold", e, 1, "x", "a"), "BADCALL")
    eq(s.refused("hold", e, 1, n), "BADCALL")


main()
