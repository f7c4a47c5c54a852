#!/usr/bin/python3
"""find, remove, flush, parked, unpark."""
from rq import *

B = b"base0001"


def find(s, n, limit=5):
    cur = b"0"
    while True:
        r = s.fn("find", ident(n), cur, limit)
        if len(r) > 1:
            eq(r[0], b"0")
            return r[1:]
        cur = r[0]
        if cur == b"0":
            return None


def spread(s):
    """1-40 in lanes, 41-80 deferred, 81 in flight, 82 parked."""
    for c in (1, 2, 3):
        s.campaign(c)
    s.put(81, c=3)
    s.put(82, c=3)
    s.lease((3, "a.test", 2))
    s.settle((82, 0, "p"))
    s.enqueue(*[(1 + n % 2, "d%d.test" % (n % 5),
                 s.now + n if n > 40 else 0, rec(n, base=B))
                for n in range(1, 81)], bases=[(B, b"x", "")])


@test
def finds_every_record_in_its_place(s):
    spread(s)
    for limit in (1, 7, 256):
        for n in (1, 2, 17, 40):
            eq(find(s, n, limit), [b"lane", b"%d" % (1 + n % 2),
                                   b"d%d.test" % (n % 5), 0,
                                   rec(n, base=B)])
        eq(find(s, 60, limit), [b"deferred", b"1", b"d0.test", s.now + 60,
                                rec(60, base=B)])
        eq(find(s, 81, limit)[:4], [b"in flight", b"3", b"a.test", 0])
        eq(find(s, 82, limit)[:4], [b"parked", b"3", b"a.test", 0])
        eq(find(s, 99, limit), None)


@test
def a_walk_passes_damaged_lanes(s):
    spread(s)
    mend = s.break_key("q:1:d2.test")
    assert find(s, 1)
    mend()
    assert find(s, 2)


@test
def removes_where_it_was_found(s):
    spread(s)
    for n in (1, 60, 82):
        where, c, d, _, r = find(s, n)
        eq(s.fn("remove", s.epoch, s.now, ident(n), where, c, d, r), 1)
        eq(s.fn("remove", s.epoch, s.now, ident(n), where, c, d, r), 0)
        eq(find(s, n), None)
    where, c, d, _, r = find(s, 81)
    eq(s.fn("remove", s.epoch, s.now, ident(81), where, c, d, r), 0)
    eq((s.camp(1)["f"], s.camp(2)["f"], s.camp(3)["f"]), (1, 1, 1))
    eq(s.bases(), {B: 78})
    assert all(s.balanced(c) for c in (1, 2, 3))
    eq(s.stat()["queued"], 39)


@test
def removing_the_last_takes_the_lane_off(s):
    s.campaign()
    s.put(1)
    eq(s.fn("remove", s.epoch, s.now, ident(1), "lane", 1, "a.test", rec(1)),
       1)
    eq(s.fn("lanes", "0", 9), [b"0"])


def flush(s, d, limit=3):
    n, cur = 0, b"0"
    while True:
        r = s.fn("flush", s.epoch, s.now, cur, limit, d)
        n, cur = n + r[1], r[0]
        if cur == b"0":
            return n


@test
def flush_makes_the_deferred_of_a_domain_due(s):
    for c in range(1, 10):
        s.campaign(c)
    s.enqueue(*[(1 + n % 9, "a.test" if n % 2 else "b.test", s.now + 1000,
                 rec(n)) for n in range(1, 201)])
    eq(flush(s, "a.test"), 100)
    eq(flush(s, "a.test"), 0)
    r = s.tick()
    eq(r[0], 100)
    eq(len(s.dly()), 100)


@test
def flush_ends_holds(s):
    for c in (1, 2, 3, 4):
        s.campaign(c)
        s.put(c, c=c)
        s.put(c + 10, c=c, d="b.test")
        s.fn("hold", s.epoch, c, s.now + 99, "a.test", "b.test")
    s.tick()
    eq(flush(s, "a.test", 2), 0)
    eq(sorted(s.tick()[2:]), [b"%d\na.test" % c for c in (1, 2, 3, 4)])
    eq((s.lease((4, "a.test", 1))[0][5], s.lease((4, "b.test", 1))[0][5]),
       (0, 1))


@test
def parked_list_release_drop(s):
    s.campaign()
    s.enqueue(*[(1, "a.test", 0, rec(n, base=B)) for n in range(1, 5)],
              bases=[(B, b"x", "")])
    s.lease()
    s.settle(*[(n, 0, "p") for n in range(1, 5)])
    r = s.fn("parked", "0", 9)
    eq((r[0], len(r), sorted(r[3::3])[0]), (b"0", 13, rec(1, base=B)))
    up = lambda op, n: s.fn("unpark", s.epoch, s.now, op, ident(n))
    s.tick()
    eq(up("release", 1), [1, b"1\na.test"])
    eq(up("release", 1), [0, b""])
    eq((s.lane(), s.tick()[2:]), ([1], [b"1\na.test"]))
    eq(up("drop", 2), [1, b""])
    eq((s.camp()["f"], s.bases()), (1, {B: 3}))
    mend = s.break_key("q:1:a.test", "string")
    eq(s.refused("unpark", s.epoch, s.now, "release", ident(3)), "WRONGTYPE")
    mend()
    eq(s.everything()[3], ["parked"])
    s.fn("campaign", "set", 1, s.now, "X")
    eq(up("release", 3), [1, b""])
    eq(s.camp()["c"], 1)
    assert s.balanced()
    eq(s.stat()["parked"], 1)


@test
def many_parked_in_pieces(s):
    s.campaign()
    for k in range(3):
        ns = [1000 * k + n for n in range(200)]
        s.enqueue(*[(1, "a.test", 0, rec(n)) for n in ns])
        s.lease((1, "a.test", 256))
        s.settle(*[(n, 0, "p") for n in ns])
    got, cur = set(), b"0"
    while True:
        r = s.fn("parked", cur, 50)
        got.update(r[3::3])
        cur = r[0]
        if cur == b"0":
            break
    eq(len(got), 600)


@test
def bad_arguments(s):
    e, n = s.epoch, s.now
    for call in (("find", b"short", "0", 1), ("find", ident(1), "x", 1),
                 ("find", ident(1), "0", 0), ("remove", e, n),
                 ("remove", e, n, ident(1), "moon", 1, "a", rec(1)),
                 ("remove", e, n, ident(2), "lane", 1, "a", rec(1)),
                 ("flush", e, n, "0", 1, ""), ("flush", e, n, "q", 1, "a"),
                 ("flush", e, "x", "0", 1, "a"), ("parked", "x", 1),
                 ("parked", "0", 0), ("unpark", e, n, "sing", ident(1)),
                 ("unpark", e, n, "drop"), ("base", b"short")):
        eq(s.refused(*call), "BADCALL")


main()
