#!/usr/bin/python3
"""own, disown: epochs, incarnations, two daemons, what a queue refuses."""
from rq import *


@test
def first_owner_creates_the_shard(s):
    s.server.c("FLUSHALL")
    r = s.fn("own", "d9", 1000, 1, 1, "fp", 4096)
    eq(r[:3], [b"OWNED", 1, 1])
    eq(r[4], b"d9")
    assert abs(r[3] - time.time() * 1000) < 5000
    eq(r[5], r[3] + 1000)


@test
def renewal_keeps_the_epoch(s):
    e, inc = s.epoch, s.inc
    r = s.own(boot=0)
    eq((r[0], r[1], r[2]), (b"OWNED", e, inc))


@test
def restart_of_the_same_daemon_is_taken_at_once(s):
    e, inc = s.epoch, s.inc
    r = s.own(boot=1)
    eq((r[0], r[1], r[2]), (b"OWNED", e + 1, inc + 1))
    eq(s.refused("tick", e, s.now, 10), "FENCED")


@test
def another_daemon_waits_and_gets_an_incarnation(s):
    e, inc = s.epoch, s.inc
    r = s.fn("own", "d2", 1000, 1, 1, "fp", 4096)
    eq(r[:3], [b"HELD", e, inc + 1])
    eq(r[4], b"d1")
    r = s.fn("own", "d2", 1000, 0, 1, "fp", 4096)
    eq(r[:3], [b"HELD", e, inc + 1])
    eq(s.tick(), [0, 0])


@test
def an_expired_lease_is_taken_over_and_fences(s):
    s.own(ttl=30)
    old = s.epoch
    time.sleep(0.05)
    two = Shard(s.server, daemon="d2")
    eq(two.epoch, old + 1)
    for call in (("tick", old, s.now, 1), ("recover", old, s.now, 1),
                 ("lease", old, s.now, 1, "a.test", 1),
                 ("settle", old, s.now, ident(1), 0, "k", "", ""),
                 ("hold", old, 1, s.now, "a.test"),
                 ("expire", old, s.now, "0", 1), ("reap", old, s.now, 1, 1),
                 ("flush", old, s.now, "0", 1, "a.test"),
                 ("remove", old, s.now, ident(1), "lane", 1, "a", rec(1)),
                 ("unpark", old, s.now, "drop", ident(1)), ("disown", old)):
        eq(s.refused(*call), "FENCED")
    eq(s.own(boot=0)[0], b"HELD")


@test
def an_expired_lease_gives_its_own_daemon_a_new_epoch(s):
    s.own(ttl=20)
    e = s.epoch
    time.sleep(0.04)
    eq(s.own(boot=0)[1], e + 1)


@test
def disown_frees_and_fences(s):
    e = s.epoch
    eq(s.fn("disown", e), 1)
    eq(s.refused("tick", e, s.now, 1), "FENCED")
    r = s.fn("own", "d2", 1000, 0, 1, "fp", 4096)
    eq(r[0], b"OWNED")


@test
def other_shards_key_or_schema_are_refused(s):
    eq(s.refused("own", "d1", 1, 1, 2, "fp", 4096), "BADSHARDS")
    eq(s.refused("own", "d1", 1, 1, 1, "other", 4096), "BADKEY")
    s.server.c("HSET", s.key("m"), "schema", 2)
    eq(s.refused("own", "d1", 1, 1, 1, "fp", 4096), "BADCALL")


@test
def number_of_buckets_stays_as_created(s):
    s.own(buckets=16)
    eq(s.server.c("HGET", s.key("m"), "buckets"), b"4096")


@test
def a_shard_that_is_not_there_is_named(s):
    t = Shard(s.server, tag="07", own=False)
    t.epoch, t.inc = 1, 1
    for call in (("tick", 1, 1, 1), ("campaign_new", 1, 1, "A", "g", ""),
                 ("campaign", "list", 0, 1), ("stat",), ("lanes", 0, 1),
                 ("enqueue", 1, 1, 1, "", 0, 1, "a", 0, rec(1)),
                 ("suppress", "count"), ("commit", "T", 1, 1)):
        eq(t.refused(*call), "NOSHARD")
    eq(s.server.c("KEYS", "{07}*"), [])


@test
def bad_arguments(s):
    for a in ((), ("d1",), ("", 1, 1, 1, "fp", 1), ("d1", "x", 1, 1, "fp", 1),
              ("d1", 1, 1, 1, "fp", 0), ("d1", 1, 1, "x", "fp", 1)):
        eq(s.refused("own", *a), "BADCALL")
    for k in ("m", "{00}:x", "00:m"):
        try:
            s.server.c("FCALL", "facteur1_stat", 1, k)
            raise AssertionError("not refused")
        except RedisError as e:
            eq(e.word, "BADCALL")


@test
def answers_of_old_incarnations_go(s):
    s.campaign()
    s.put(1)
    eq(s.server.c("HLEN", s.key("rc")), 1)
    for _ in range(32):
        s.own()
    eq(s.server.c("HLEN", s.key("rc")), 0)


@test
def a_damaged_shard_hash_is_an_error_and_heals(s):
    mend = s.break_key("m")
    eq(s.refused("own", "d1", 1, 1, 1, "fp", 4096), "WRONGTYPE")
    eq(s.refused("tick", s.epoch, s.now, 1), "WRONGTYPE")
    mend()
    eq(s.tick(), [0, 0])


main()
