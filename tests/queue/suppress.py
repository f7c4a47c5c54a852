#!/usr/bin/python3
"""suppress_add, suppress remove, test, count."""
from rq import *


@test
def add_test_remove_count(s):
    h1, h2 = hash8("a"), hash8("b")
    eq(s.fn("suppress_add", h1, "g", "h", h1, "t1", "u", h2, "l9", "c"), 3)
    eq(s.fn("suppress", "test", h1, "g", "t1", "l9"), [b"h", b"u", b""])
    eq(s.fn("suppress", "test", h2, "g", "l9"), [b"", b"c"])
    eq(pairs(s.fn("suppress", "count")), {"g h": 1, "t1 u": 1, "l9 c": 1})
    eq(s.fn("suppress", "remove", h1, "g", h1, "g", h2, "g"), 1)
    eq(s.fn("suppress", "test", h1, "g", "t1"), [b"", b"u"])
    eq(pairs(s.fn("suppress", "count")), {"t1 u": 1, "l9 c": 1})


@test
def added_twice_counts_once(s):
    h = hash8("a")
    for want in (1, 0, 0):
        eq(s.fn("suppress_add", h, "g", "h"), want)
    eq(s.fn("suppress", "count"), [b"g h", 1])


@test
def the_stronger_reason_stays(s):
    h = hash8("a")
    for r, want in zip("ihmucriham", "ihmucrrrrr"):
        if r in "rcumhi":
            s.fn("suppress_add", h, "g", r)
            eq(s.fn("suppress", "test", h, "g"), [want.encode()])
            eq(s.fn("suppress", "count"), [b"g " + want.encode(), 1])


@test
def the_bucket_is_the_documented_one(s):
    s.server.c("HSET", s.key("m"), "buckets", 10)
    h = b"\x12\x34abcdef"
    s.fn("suppress_add", h, "t7", "m")
    eq(s.server.c("HGETALL", s.key("s:%04d" % (0x1234 % 10))),
       [b"abcdeft7", b"m"])


@test
def buckets_stay_small(s):
    for i in range(0, 20000, 200):
        s.fn("suppress_add", *[x for j in range(i, i + 200)
                               for x in (hash8("u%d" % j), "g", "h")])
    eq(s.fn("suppress", "count"), [b"g h", 20000])
    k = s.server.c("KEYS", s.key("s:*"))[0]
    eq(s.server.c("OBJECT", "ENCODING", k), b"listpack")


@test
def error_part_way_then_repeat(s):
    h1, h2 = hash8("a"), hash8("b")
    b2 = "s:%04d" % ((h2[0] * 256 + h2[1]) % 4096)
    for k in (b2, "sn"):
        s.server.c("FLUSHALL")
        s.own()
        mend = s.break_key(k, "string")
        eq(s.refused("suppress_add", h1, "g", "h", h2, "g", "h"), "WRONGTYPE")
        mend()
        s.fn("suppress_add", h1, "g", "h", h2, "g", "h")
        eq(s.fn("suppress", "count"), [b"g h", 2])
        mend = s.break_key(k, "string")
        eq(s.refused("suppress", "remove", h1, "g", h2, "g"), "WRONGTYPE")
        mend()
        s.fn("suppress", "remove", h1, "g", h2, "g")
        eq((s.fn("suppress", "count"), s.fn("suppress", "test", h1, "g"),
            s.fn("suppress", "test", h2, "g")), ([], [b""], [b""]))


@test
def an_unsubscribe_between_enqueue_and_lease_stops_queued_mail(s):
    s.campaign()
    s.put(1)
    s.put(2)
    s.fn("suppress_add", hash8("user1"), "l1", "u")
    r = s.lease()
    eq(([x[:8] for x in r[0][2]], [x[:8] for x in r[0][3]]),
       ([ident(2)], [ident(1)]))
    # and does not come back by a retry, though taken off the list again
    s.fn("suppress", "remove", hash8("user1"), "l1")
    eq(s.everything(), {2: ["in flight"]})


@test
def a_retry_is_tested_again(s):
    s.campaign()
    s.put(1)
    s.lease()
    s.settle((1, 0, "d", s.now))
    s.fn("suppress_add", hash8("user1"), "t1", "c")
    s.tick()
    r = s.lease()
    eq((len(r[0][2]), len(r[0][3]), s.camp()["u"]), (0, 1, 1))
    assert s.balanced()


@test
def bad_arguments(s):
    h = hash8("a")
    for call in (("suppress_add",), ("suppress_add", h, "g"),
                 ("suppress_add", b"short", "g", "h"),
                 ("suppress_add", h, "q", "h"), ("suppress_add", h, "t", "h"),
                 ("suppress_add", h, "g", "z"),
                 ("suppress_add", *([h, "g", "h"] * 257)), ("suppress",),
                 ("suppress", "sing"), ("suppress", "test", h),
                 ("suppress", "remove", h), ("suppress", "remove", h, "x")):
        eq(s.refused(*call), "BADCALL")


main()
