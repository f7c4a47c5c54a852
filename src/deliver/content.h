/*
 * From a lease to the bytes that go on the wire: base from the cache or from
 * Redis, patch applied, hash checked, signed in the worker pool.
 */
#ifndef DELIVER_CONTENT_H
#define DELIVER_CONTENT_H

#include <stdbool.h>

#include "base/buf.h"

struct conf;
struct deliver_content;
struct deliver_content_req;
struct loop;
struct mail_base;
struct mail_dkim;
struct pool;
struct store;
struct store_campaign;
struct store_lease;

struct deliver_content *deliver_content_new(struct loop *l, struct store *s,
    struct pool *pool, struct mail_dkim *dkim, struct conf *conf);
void deliver_content_free(struct deliver_content **c);
/* Signatures under way with the old keys are waited for (at most one per
 * worker), so these may be freed after it. */
void deliver_content_reload(
    struct deliver_content *c, struct mail_dkim *dkim, struct conf *conf);

enum deliver_content_status {
	DELIVER_CONTENT_OK,
	DELIVER_CONTENT_LATER,    /* Redis away: try again */
	DELIVER_CONTENT_DAMAGED,  /* could not be rebuilt: park */
	DELIVER_CONTENT_UNSIGNED, /* a key is there, but signing failed: defer */
	DELIVER_CONTENT_NOT_7BIT  /* eightbit_ok was false: 5.6.3 */
};
/* bytes: signatures, header, body; CRLF lines (the last one too), not
 * dot-stuffed; the callee may take them over (buf_swap).  eightbit_ok false:
 * made 7-bit before signing.  The lease is borrowed until done or cancel. */
struct deliver_content_req *
deliver_content_get(struct deliver_content *c, const struct store_lease *l,
    const struct store_campaign *campaign, bool eightbit_ok,
    void (*done)(void *arg, enum deliver_content_status st, struct buf *bytes,
	const char *text),
    void *arg);
void deliver_content_cancel(struct deliver_content_req **r);
/* The unsigned content for a delivery report (header at least). */
struct deliver_content_req *
deliver_content_original(struct deliver_content *c, const struct store_lease *l,
    void (*done)(void *arg, enum deliver_content_status st, struct buf *bytes,
	const char *text),
    void *arg);

#endif
