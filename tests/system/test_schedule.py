#!/usr/bin/python3
"""X-Not-Before, X-Expires, X-Source, and campaigns paused, resumed,
cancelled."""
import email.utils

from facteur_test import *


def make(lab):
    class World:
        pass
    w = World()
    w.lab = lab
    w.sink = lab.sink("rcvd.test")
    w.d = lab.facteurd(sections={
        "source one": {"ipv4": "127.0.0.1", "helo": "one.sender.test"},
        "source two": {"ipv4": "127.0.9.9", "helo": "two.sender.test",
                       "weight": 0}})
    return w


def date(seconds):
    return email.utils.formatdate(time.time() + seconds)


def send(w, rcpt, **fields):
    head = b"".join(b"%s: %s\r\n" % (k.replace("_", "-").encode(), v.encode())
                    for k, v in fields.items())
    return submit(w.d.port, "a@sender.test", rcpt, head + message(rcpt=rcpt))


def seen(w, rcpt):
    return [m for m in w.sink.mails() if rcpt in m["rcpt"]]


@test
def not_before_is_waited_for(w):
    t0 = time.time()
    eq(send(w, "nb@rcvd.test", X_Not_Before=date(4))[:3], "250")
    eq(send(w, "now@rcvd.test", X_Not_Before=date(-60))[:3], "250")
    wait(lambda: seen(w, "now@rcvd.test"), 10, "the one of the past")
    m = wait(lambda: seen(w, "nb@rcvd.test"), 15, "the scheduled one")[0]
    # dates have whole seconds
    assert 2.9 <= m["t"] - t0 <= 9, m["t"] - t0


@test
def a_scheduled_message_survives_a_restart(w):
    t0 = time.time()
    send(w, "nb2@rcvd.test", X_Not_Before=date(5))
    eq(w.d.stop(), 0)
    w.d.start()
    m = wait(lambda: seen(w, "nb2@rcvd.test"), 20, "the scheduled one")[0]
    assert m["t"] - t0 >= 3.9


@test
def expires_ends_the_tries(w):
    eq(send(w, "later.999@rcvd.test", X_Expires=date(3))[:3], "250")
    w.d.outcome("later.999@rcvd.test", "expired", 30)
    n = len(w.d.accounting(recipient="later.999@rcvd.test"))
    time.sleep(2.5)
    eq(len(w.d.accounting(recipient="later.999@rcvd.test")), n)


@test
def expired_before_it_came_is_not_sent(w):
    r = send(w, "old@rcvd.test", X_Expires=date(-100))
    if r.startswith("250"):
        w.d.outcome("old@rcvd.test", "expired", 30)
    else:
        eq(r[:1], "5")
    eq(seen(w, "old@rcvd.test"), [])


@test
def nonsense_in_a_control_field_is_refused(w):
    for k, v in (("X_Not_Before", "next tuesday"), ("X_Expires", "maybe"),
                 ("X_Priority_Class", "royal"), ("X_Source", "nowhere")):
        eq(send(w, "u@rcvd.test", **{k: v})[:1], "5", k)


@test
def a_source_is_chosen_by_name(w):
    send(w, "src@rcvd.test", X_Source="two")
    m = wait(lambda: seen(w, "src@rcvd.test"), 10, "it")[0]
    eq(m["helo"], "two.sender.test")
    conn = [e for e in w.sink.events("open") if e["conn"] == m["conn"]][0]
    eq(conn["peer"], "127.0.9.9")
    send(w, "src1@rcvd.test")
    m = wait(lambda: seen(w, "src1@rcvd.test"), 10, "it")[0]
    eq(m["helo"], "one.sender.test")


@test
def pause_holds_and_resume_sends(w):
    send(w, "first@rcvd.test", X_Campaign="spring")
    wait(lambda: seen(w, "first@rcvd.test"), 10, "the first")
    w.d.tool("campaign", "pause", "spring")
    for i in range(10):
        eq(send(w, "p%d@rcvd.test" % i, X_Campaign="spring")[:3], "250")
    send(w, "other@rcvd.test", X_Campaign="autumn")
    wait(lambda: seen(w, "other@rcvd.test"), 10, "the other campaign")
    time.sleep(1.5)
    eq(seen(w, "p0@rcvd.test"), [])
    w.d.tool("campaign", "resume", "spring")
    for i in range(10):
        wait(lambda: seen(w, "p%d@rcvd.test" % i), 10, "p%d" % i)


@test
def a_paused_campaign_stays_so_over_a_restart(w):
    w.d.tool("campaign", "pause", "spring")
    send(w, "hold@rcvd.test", X_Campaign="spring")
    eq(w.d.stop(), 0)
    w.d.start()
    time.sleep(1.5)
    eq(seen(w, "hold@rcvd.test"), [])
    w.d.tool("campaign", "resume", "spring")
    wait(lambda: seen(w, "hold@rcvd.test"), 10, "it")


@test
def cancel_drops_what_waits(w):
    w.d.tool("campaign", "pause", "spring")
    for i in range(10):
        send(w, "x%d@rcvd.test" % i, X_Campaign="spring")
    send(w, "xs@rcvd.test", X_Campaign="spring", X_Not_Before=date(60))
    w.d.tool("campaign", "cancel", "spring")
    for i in range(10):
        w.d.outcome("x%d@rcvd.test" % i, "cancelled")
    w.d.outcome("xs@rcvd.test", "cancelled")
    eq(seen(w, "x0@rcvd.test"), [])
    eq(send(w, "late@rcvd.test", X_Campaign="spring")[:1], "5")


@test
def cancel_while_it_is_being_tried(w):
    send(w, "later.999.c@rcvd.test", X_Campaign="summer")
    w.d.outcome("later.999.c@rcvd.test", "deferred")
    w.d.tool("campaign", "cancel", "summer")
    w.d.outcome("later.999.c@rcvd.test", "cancelled")
    n = len(w.d.accounting(recipient="later.999.c@rcvd.test"))
    time.sleep(2.5)
    eq(len(w.d.accounting(recipient="later.999.c@rcvd.test")), n)


@test
def an_unsubscribe_stops_queued_mail(w):
    send(w, "sup@rcvd.test", X_Campaign="sup", X_List="weekly",
         X_Not_Before=date(3))
    w.d.tool("suppress", "add", "sup@rcvd.test")
    w.d.outcome("sup@rcvd.test", "suppressed")
    eq(send(w, "sup@rcvd.test", X_Campaign="sup")[:3], "250")
    time.sleep(1)
    eq(seen(w, "sup@rcvd.test"), [])
    w.d.tool("suppress", "remove", "sup@rcvd.test")
    send(w, "sup@rcvd.test", X_Campaign="sup")
    wait(lambda: seen(w, "sup@rcvd.test"), 10, "it")


@test
def a_hard_bounce_is_not_mailed_again(w):
    send(w, "bad1@rcvd.test", X_Campaign="b")
    w.d.outcome("bad1@rcvd.test", "bounced")
    time.sleep(0.5)
    eq(send(w, "bad1@rcvd.test", X_Campaign="b")[:3], "250")
    w.d.outcome("bad1@rcvd.test", "suppressed")
    eq(len(w.d.accounting(recipient="bad1@rcvd.test", event="bounced")), 1)


main(make)
