/*
 * Delivery status reports (RFC 3461, RFC 3464): the original is fetched, the
 * report written and submitted like any mail, from <>.
 */
#ifndef DELIVER_BOUNCE_H
#define DELIVER_BOUNCE_H

struct deliver;
struct deliver_item;
struct deliver_result;
struct deliver_verdict;

/* Takes the item; once the report is durable (or can't be made, which is
 * logged) it goes to deliver_settle_finish.  r may be NULL. */
void deliver_bounce_first(struct deliver *d, struct deliver_item *i,
    const struct deliver_verdict *v, const struct deliver_result *r);
/* The item is settled already or will be at once: the report works on a copy
 * of its record. */
void deliver_bounce_after(struct deliver *d, const struct deliver_item *i,
    const struct deliver_verdict *v, const struct deliver_result *r);
/* The shard is lost: its reports are forgotten with their records. */
void deliver_bounce_shard_lost(struct deliver *d, unsigned shard);
/* Items of unfinished reports go back to their lanes. */
void deliver_bounce_free_all(struct deliver *d);

#endif
