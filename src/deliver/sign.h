/*
 * Signing in the worker pool: a content goes out, comes back with its
 * DKIM-Signature fields before it.
 */
#ifndef DELIVER_SIGN_H
#define DELIVER_SIGN_H

#include <stdbool.h>

#include "base/buf.h"

struct deliver_sign;
struct deliver_sign_req;
struct mail_dkim;
struct pool;

/* dkim NULL or without a key: nothing is signed. */
struct deliver_sign *
deliver_sign_new(struct pool *pool, struct mail_dkim *dkim);
void deliver_sign_free(struct deliver_sign **s);
/* Waits for the workers that use the old keys: a signature's time.  What was
 * not begun is signed with the new ones. */
void deliver_sign_reload(struct deliver_sign *s, struct mail_dkim *dkim);
/* Is there any key? */
bool deliver_sign_wanted(const struct deliver_sign *s);

/* Takes content over (it is empty afterwards).  done, from the loop: bytes
 * may be taken over; error is NULL, or why no signature could be made. */
struct deliver_sign_req *deliver_sign_submit(struct deliver_sign *s,
    const char *tenant, struct buf *content,
    void (*done)(void *arg, struct buf *bytes, const char *error), void *arg);
void deliver_sign_cancel(struct deliver_sign_req **r);

#endif
