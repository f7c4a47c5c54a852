/*
 * The accounting log: one JSON line per outcome.  Lines gather during a turn
 * of the loop and leave in one write at its end.  What a full disk refuses is
 * kept, up to a limit, and written later.
 */
#ifndef OPS_ACCOUNT_H
#define OPS_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct deliver_outcome;
struct loop;
struct ops_account;

/* path NULL or "": nothing is written anywhere. */
struct ops_account *ops_account_open(struct loop *l, const char *path,
    struct err *e);
/* After the file was moved away, or another path was set.  On failure the
 * file that is open stays in use. */
int ops_account_reopen(struct ops_account *a, const char *path,
    struct err *e);
void ops_account_close(struct ops_account **a); /* writes what is left */

/* The arguments of deliver_params.on_outcome. */
void ops_account_write(void *account, const struct deliver_outcome *o);

/* What one line says; NULL strings are written as "", times of 0 as null. */
struct ops_account_line {
	const char *event;
	uint64_t id;
	const char *tenant, *campaign, *list, *class;
	struct view sender, recipient;
	const char *domain, *site, *source, *mx, *address, *tls;
	bool tls_verified;
	int code;
	int enhanced[3];
	const char *text, *stage, *reply_class;
	uint64_t attempt; /* 1: the first */
	int64_t time_ms, created_ms, started_ms, ended_ms, next_ms;
	uint64_t bytes;
};
/* For outcomes that delivery does not see (suppressed at intake). */
void ops_account_add(struct ops_account *a, const struct ops_account_line *l);
void ops_account_format(const struct ops_account_line *l, struct buf *out);
/* All fields in man(7) macros. */
void ops_account_reference(struct buf *out);

#endif
