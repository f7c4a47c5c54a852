#!/usr/bin/python3
"""Random calls against a model: every record in exactly one place, counters
and base counts as they should be, at every step."""
import random

from rq import *

CAMPS, DOMAINS = (1, 2, 3), ("a.test", "b.test", "c.test")
SCOPES = {1: ["g", "t1"], 2: ["g", "t1", "l1"], 3: ["g", "t2"]}
BASES = [b"base%04d" % i for i in range(4)]


class Model:
    def __init__(self, s, rng):
        self.s, self.rng = s, rng
        self.recs = {}      # id -> [place, c, d, base, attempt, user, expires]
        self.n = {c: dict.fromkeys("qkdbxfuc", 0) for c in CAMPS}
        self.st = dict.fromkeys(CAMPS, "A")
        self.pin = {}
        self.sup = set()    # (user, scope)
        self.due = {}       # id -> due
        self.next = 1
        self.staged = {}    # T -> [(id or None, c, d, base, user, exp, due)]
        self.aborted = set()
        for c in CAMPS:
            s.campaign(c, scopes=" ".join(SCOPES[c]))

    def record(self, i):
        _, _, _, b, attempt, user, exp = self.recs[i]
        return rec(i, addr=user, base=b, attempt=attempt, expires=exp)

    def is_sup(self, user, c):
        return any((user, sc) in self.sup for sc in SCOPES[c])

    def gone(self, i, code):
        self.n[self.recs[i][1]][code] += 1
        del self.recs[i]
        self.due.pop(i, None)

    def at(self, place):
        return [i for i, r in self.recs.items() if r[0] == place]

    # One method an operation; each does it and checks the reply.
    def enqueue(self):
        rng, out, want, plan = self.rng, [], "", []
        T = "T%d" % self.next if rng.random() < 0.2 else ""
        for _ in range(rng.randint(1, 8)):
            i, c, d = self.next, rng.choice(CAMPS), rng.choice(DOMAINS)
            self.next += 1
            base = rng.choice(BASES + [b"\0" * 8])
            user, exp = "u%d" % rng.randint(1, 40), 0
            if rng.random() < 0.2:
                exp = self.s.now // 1000 + rng.randint(1, 60)
            due = self.s.now + 5000 if rng.random() < 0.2 else 0
            out.append((c, d, due, rec(i, addr=user, base=base, expires=exp)))
            letter = ("x" if self.st[c] == "X" else
                      "s" if self.is_sup(user, c) else "k")
            want += letter
            plan.append((letter, i, c, d, base, user, exp, due))
        pin = rng.choice(CAMPS) if rng.random() < 0.2 else ""
        self.s.seq += 1
        seq = self.s.seq
        bases = [(b, b"bytes", "") for b in BASES[:3]]
        bases.append((BASES[3], b"bytes", pin))
        for _ in range(self.rng.choice([1, 1, 1, 2])):
            eq(self.s.enqueue(*out, bases=bases, T=T, seq=seq),
               [b"OK", want.encode()])
        if pin and self.st[pin] != "X":
            self.pin[pin] = BASES[3]
        if T:
            self.staged[T] = plan
        else:
            self.place(plan)

    def place(self, plan):
        for letter, i, c, d, base, user, exp, due in plan:
            if letter == "x":
                continue
            self.n[c]["q"] += 1
            if letter == "s":
                self.n[c]["u"] += 1
            elif self.st[c] == "X":
                self.n[c]["c"] += 1
            else:
                later = due > self.s.now
                self.recs[i] = ["deferred" if later else "lane", c, d, base,
                                0, user, exp]
                if later:
                    self.due[i] = due

    def commit(self):
        if not self.staged:
            return
        T = self.rng.choice(sorted(self.staged))
        plan = self.staged.pop(T)
        if self.rng.random() < 0.3:
            eq(self.s.fn("decide", T, self.s.now), [b"A"])
            eq(self.s.fn("commit", T, self.s.now, 1), [b"ABORTED"])
            self.s.fn("unstage", T)
        else:
            for _ in range(self.rng.randint(1, 2)):
                eq(self.s.fn("commit", T, self.s.now, 1), [b"COMMITTED"])
            self.place(plan)

    def lease(self):
        c, d = self.rng.choice(CAMPS), self.rng.choice(DOMAINS)
        r = self.s.lease((c, d, self.rng.randint(1, 6)))[0]
        if self.st[c] in "PX":
            eq((r[2], r[3], r[5]), ([], [], 1))
        for x in r[2]:
            i = struct.unpack(">Q", x[:8])[0]
            eq((self.recs[i][0], self.record(i)), ("lane", x))
            assert not self.is_sup(self.recs[i][5], c)
            self.recs[i][0] = "in flight"
        for x in r[3]:
            i = struct.unpack(">Q", x[:8])[0]
            assert self.is_sup(self.recs[i][5], c)
            self.gone(i, "u")
        left = [i for i in self.at("lane") if self.recs[i][1:3] == [c, d]]
        if not r[5]:
            eq(r[4], 1 if left else 0)

    def settle(self):
        fly = self.at("in flight")
        if not fly:
            return
        outs, want = [], ""
        for i in self.rng.sample(fly, min(len(fly), self.rng.randint(1, 6))):
            code = self.rng.choice("kkkddbxfcrp")
            a = ""
            if code == "d":
                a = self.s.now + self.rng.randint(1, 20000)
            elif code == "b" and self.rng.random() < 0.5:
                a = "gh"
            r = self.recs[i]
            if self.rng.random() < 0.1:
                outs.append((i, r[4] + 1, code, a))
                want += "-"
                continue
            outs.append((i, r[4], code, a))
            if code in "drp" and self.st[r[1]] == "X":
                want += "c"
                self.gone(i, "c")
                continue
            want += "k"
            if code == "d":
                self.n[r[1]]["d"] += 1
                r[0], r[4], self.due[i] = "deferred", r[4] + 1, a
            elif code in "rp":
                r[0] = "lane" if code == "r" else "parked"
            else:
                if a:
                    self.sup.add((r[5], "g"))
                self.gone(i, code)
        eq(self.s.settle(*outs), want.encode())
        eq(self.s.settle(*outs[:1]), b"-")

    def tick(self):
        self.s.now += self.rng.randint(1, 4000)
        r = self.s.tick()
        due = [i for i in self.at("deferred") if self.due[i] <= self.s.now]
        eq(r[0], len(due))
        for i in due:
            self.due.pop(i)
            if self.st[self.recs[i][1]] == "X":
                self.gone(i, "c")
            else:
                self.recs[i][0] = "lane"

    def recover(self):
        self.s.own()
        self.s.seq = 0
        while self.s.recover(7)[0]:
            pass
        for i in self.at("in flight"):
            if self.st[self.recs[i][1]] == "X":
                self.gone(i, "c")
            else:
                self.recs[i][0] = "lane"

    def state(self):
        c = self.rng.choice(CAMPS)
        want = self.rng.choice("AAAPPF" + ("X" if c == 3 else ""))
        if self.st[c] == "X":
            want = "X"
        eq(self.s.fn("campaign", "set", c, self.s.now, want),
           [want.encode()])
        self.st[c] = want
        if want == "X":
            self.pin.pop(c, None)

    def reap(self):
        for c in CAMPS:
            if self.st[c] != "X":
                continue
            while self.s.fn("reap", self.s.epoch, self.s.now, c, 5)[0]:
                pass
            for i in self.at("lane") + self.at("deferred"):
                if self.recs[i][1] == c:
                    self.gone(i, "c")

    def suppress(self):
        user, sc = "u%d" % self.rng.randint(1, 40), self.rng.choice(
            ["g", "t1", "t2", "l1"])
        if (user, sc) in self.sup and self.rng.random() < 0.5:
            eq(self.s.fn("suppress", "remove", hash8(user), sc), 1)
            self.sup.discard((user, sc))
        else:
            eq(self.s.fn("suppress_add", hash8(user), sc, "u"),
               0 if (user, sc) in self.sup else 1)
            self.sup.add((user, sc))

    def expire(self):
        cur, got = b"0", []
        while True:
            r = self.s.fn("expire", self.s.epoch, self.s.now, cur, 5)
            got += [struct.unpack(">Q", x[:8])[0] for x in r[3::3]]
            cur = r[0]
            if cur == b"0":
                break
        want = [i for i in self.at("lane") + self.at("deferred")
                if 0 < self.recs[i][6] <= self.s.now // 1000
                and self.st[self.recs[i][1]] != "X"]
        eq(sorted(got), sorted(want))
        for i in got:
            self.recs[i][0] = "in flight"
            self.due.pop(i, None)

    def operate(self):
        if not self.recs:
            return
        i = self.rng.choice(sorted(self.recs))
        place, c, d = self.recs[i][:3]
        if place == "parked" and self.rng.random() < 0.7:
            op = self.rng.choice(["release", "drop"])
            eq(self.s.fn("unpark", self.s.epoch, self.s.now, op,
                         ident(i))[0], 1)
            if op == "drop":
                self.gone(i, "f")
            elif self.st[c] == "X":
                self.gone(i, "c")
            else:
                self.recs[i][0] = "lane"
            return
        r = self.s.fn("remove", self.s.epoch, self.s.now, ident(i), place, c,
                      d, self.record(i))
        eq(r, 0 if place == "in flight" else 1)
        if r:
            self.gone(i, "f")

    def check(self):
        s = self.s
        eq(s.everything(), {i: [r[0]] for i, r in self.recs.items()})
        need = {}
        for r in self.recs.values():
            need[r[3]] = need.get(r[3], 0) + 1
        for plan in self.staged.values():
            for letter, _, _, _, base, _, _, _ in plan:
                if letter == "k":
                    need[base] = need.get(base, 0) + 1
        for b in self.pin.values():
            need[b] = need.get(b, 0) + 1
        need.pop(b"\0" * 8, None)
        eq(s.bases(), need)
        eq(len(s.server.c("KEYS", s.key("b:*"))), len(need))
        for c in CAMPS:
            got = s.camp(c)
            eq({k: got.get(k, 0) for k in self.n[c]}, self.n[c])
        st = s.stat()
        eq((st["queued"], st["deferred"], st["inflight"], st["parked"]),
           tuple(len(self.at(p)) for p in ("lane", "deferred", "in flight",
                                           "parked")))
        lanes = {b"%d\n%s" % (r[1], r[2].encode()) for r in self.recs.values()
                 if r[0] == "lane"}
        assert lanes <= set(s.fn("lanes", "0", 256)[1:])


OPS = ["enqueue"] * 6 + ["lease"] * 8 + ["settle"] * 6 + ["tick"] * 3 + [
    "commit", "commit", "suppress", "suppress", "expire", "operate",
    "operate", "state", "recover", "reap"]


def run(s, seed, steps):
    rng = random.Random(seed)
    m = Model(s, rng)
    for step in range(steps):
        op = rng.choice(OPS)
        try:
            getattr(m, op)()
            m.check()
        except Exception:
            print("# seed %d step %d %s" % (seed, step, op))
            raise


@test
def ten_fixed_seeds(s):
    for seed in range(10):
        s.server.c("FLUSHALL")
        s.now = Shard.now
        s.seq = 0
        s.own()
        run(s, seed, 300)


@test
def a_seed_of_this_day(s):
    seed = int(os.environ.get("FACTEUR_SEED", time.time()))
    print("# seed %d" % seed)
    run(s, seed, 1000)


main()
