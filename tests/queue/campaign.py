#!/usr/bin/python3
"""intern, campaign_new, campaign set, get, list, pin."""
from rq import *

B1, B2 = b"base0001", b"base0002"


@test
def names_get_numbers_once(s):
    eq(s.fn("intern", "c", "spring", "t", "shop", "c", "spring"), [1, 2, 1])
    eq(s.fn("intern", "t", "spring", "c", "spring"), [3, 1])
    eq(s.refused("intern", "c"), "BADCALL")
    eq(s.refused("intern"), "BADCALL")


@test
def a_damaged_names_key_allots_again(s):
    s.fn("intern", "c", "a")
    mend = s.break_key("names")
    eq(s.refused("intern", "c", "b"), "WRONGTYPE")
    mend()
    eq(s.fn("intern", "c", "a")[0], 1)


@test
def creation_is_idempotent(s):
    eq(s.campaign(), [1, b"A"])
    eq(s.campaign(state="P", scopes="g"), [0, b"A"])
    eq(s.camp()["sc"], "g t1 l1")
    eq(s.server.c("ZRANGE", s.key("act"), 0, -1), [b"1"])


@test
def creation_is_healed_by_a_repeat(s):
    for k in ("cs", "act", "c:1"):
        s.server.c("FLUSHALL")
        s.own()
        mend = s.break_key(k, "string")
        eq(s.refused("campaign_new", 1, s.now, "A", "g", "m"), "WRONGTYPE")
        mend()
        eq(s.campaign()[1], b"A")
        eq(s.fn("campaign", "list", 0, 9), [b"0", b"1"])
        eq(s.server.c("ZCARD", s.key("act")), 1)


@test
def states(s):
    eq(s.fn("campaign", "set", 9, s.now, "P"), [])
    s.campaign()
    eq(s.fn("campaign", "set", 1, s.now, "P"), [b"P"])
    eq(s.server.c("ZCARD", s.key("act")), 0)
    eq(s.fn("campaign", "set", 1, s.now, "A"), [b"A"])
    eq(s.server.c("ZCARD", s.key("act")), 1)
    eq(s.fn("campaign", "set", 1, s.now, "F"), [b"F"])
    eq(s.server.c("ZCARD", s.key("act")), 0)
    eq(s.fn("campaign", "set", 1, s.now, "X"), [b"X"])
    for st in "APFX":
        eq(s.fn("campaign", "set", 1, s.now, st), [b"X"])
    eq(s.camp()["st"], "X")
    eq(s.fn("reaping"), [b"1"])
    eq(s.refused("campaign", "set", 1, s.now, "Q"), "BADCALL")


@test
def a_finished_campaign_begins_again_with_new_mail(s):
    s.campaign()
    s.fn("campaign", "set", 1, s.now, "F")
    eq(s.put(1), [b"OK", b"k"])
    eq(s.camp()["st"], "A")
    eq(s.server.c("ZCARD", s.key("act")), 1)


@test
def born_cancelled(s):
    eq(s.campaign(state="X"), [1, b"X"])
    eq(s.put(1), [b"OK", b"x"])
    eq(s.camp().get("q", 0), 0)


@test
def cancelling_part_way_is_finished_by_a_repeat(s):
    for k in ("reap", "act", "bc"):
        s.server.c("FLUSHALL")
        s.own()
        s.campaign()
        s.enqueue(bases=[(B1, b"bytes", 1)])
        mend = s.break_key(k, "string")
        eq(s.refused("campaign", "set", 1, s.now, "X"), "WRONGTYPE")
        mend()
        eq(s.fn("campaign", "set", 1, s.now, "X"), [b"X"])
        eq(s.fn("reaping"), [b"1"])
        eq(s.server.c("ZCARD", s.key("act")), 0)
        assert s.server.c("HGET", s.key("c:1"), "base") is None


@test
def get_and_list(s):
    eq(s.fn("campaign", "get", 5), [])
    for c in (3, 1, 20, 7):
        s.campaign(c)
    s.put(1, c=7)
    eq(s.camp(7)["lanes"], 1)
    eq(s.fn("campaign", "list", "0", 2), [b"3", b"1", b"3"])
    eq(s.fn("campaign", "list", "3", 2), [b"20", b"7", b"20"])
    eq(s.fn("campaign", "list", "20", 2), [b"0"])
    eq(s.refused("campaign", "list", "x", 2), "BADCALL")
    eq(s.refused("campaign", "list", "0", 0), "BADCALL")


@test
def pins(s):
    s.campaign()
    eq(s.fn("campaign", "pin", 1, B1), 0)
    s.enqueue((1, "a.test", 0, rec(1, base=B1)),
              (1, "a.test", 0, rec(2, base=B2)),
              bases=[(B1, b"1", ""), (B2, b"2", "")])
    eq(s.bases(), {B1: 1, B2: 1})
    eq(s.fn("campaign", "pin", 1, B1), 1)
    eq(s.fn("campaign", "pin", 1, B1), 1)
    eq(s.bases(), {B1: 2, B2: 1})
    eq(s.fn("campaign", "pin", 1, B2), 1)
    eq(s.bases(), {B1: 1, B2: 2})
    eq(s.fn("campaign", "set", 1, s.now, "X"), [b"X"])
    eq(s.bases(), {B1: 1, B2: 1})
    eq(s.fn("campaign", "pin", 1, B2), 0)
    eq(s.fn("campaign", "pin", 2, B2), 0)
    eq(s.refused("campaign", "pin", 1, b"short"), "BADCALL")
    eq(s.refused("campaign", "pin", 1, b"\0" * 8), "BADCALL")


@test
def unknown_words_are_refused(s):
    eq(s.refused("campaign"), "BADCALL")
    eq(s.refused("campaign", "sing", 1), "BADCALL")
    eq(s.refused("campaign", "get", "one"), "BADCALL")
    eq(s.refused("campaign_new", 1, s.now, "Z", "g", ""), "BADCALL")


main()
