/*
 * Passwords against crypt(5) hashes.  A check costs tens of milliseconds by
 * design, so it is made by a worker; who was right lately is known by a keyed
 * hash of user, password and crypt hash, and not checked again.
 */
#ifndef INTAKE_AUTH_H
#define INTAKE_AUTH_H

#include <stdbool.h>

struct intake_auth;
struct intake_auth_req;
struct loop;
struct pool;

/* pool NULL: a worker of its own. */
struct intake_auth *intake_auth_new(struct loop *l, struct pool *pool);
void intake_auth_free(struct intake_auth **a);

enum intake_auth_result {
	INTAKE_AUTH_GOOD, /* known already: done is not called */
	INTAKE_AUTH_ASKED, /* done(arg, good) comes from the loop, once */
	INTAKE_AUTH_BUSY   /* too many checks are waiting */
};
enum intake_auth_result intake_auth_check(struct intake_auth *a,
    const char *user, const char *password, const char *hash,
    void (*done)(void *arg, bool good), void *arg,
    struct intake_auth_req **req);
void intake_auth_cancel(struct intake_auth_req **req);

#endif
