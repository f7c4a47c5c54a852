/*
 * The inside of the store, shared by its files: the store, its shards, and
 * what a request is.  Nothing outside src/store includes this.
 */
#ifndef STORE_STATE_H
#define STORE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "io/loop.h"
#include "rdb/codec.h"
#include "store/store.h"

#define STORE_BATCH_MAX 256 /* records or outcomes of a call */

struct conf;
struct rdb;
struct rdb_call;
struct rdb_functions;
struct rdb_reply;
struct rdb_server;
struct store_addr_key;
struct store_journal;
struct store_journal_entry;
struct store_camp;
struct store_name;
struct store_strays;

/* Base of every request: first member of its struct.  Its memory lives until
 * the operation let go of it (store_req_end), cancelled or not. */
struct store_req {
	struct list link; /* on store->reqs */
	struct loop_task task; /* for an answer known already */
	struct store *store;
	void (*release)(void *req);              /* frees it */
	void (*cancelled)(struct store_req *req); /* or NULL */
	bool dead; /* nobody is to be told */
};

enum store_shard_state {
	STORE_SHARD_IDLE,    /* not ours: asked for now and then */
	STORE_SHARD_OWNING,  /* own is under way */
	STORE_SHARD_SETTLING, /* waiting outcomes, the journal's too, first */
	STORE_SHARD_RECOVERING,
	STORE_SHARD_LISTING, /* lanes */
	STORE_SHARD_UP
};

struct store_shard {
	struct store *store; /* borrowed */
	unsigned no;
	char key[16]; /* "{00}:m" */

	enum store_shard_state state;
	bool booted; /* an incarnation of ours was given out */
	bool ours;   /* epoch is ours, until until_ms */
	bool settled; /* UP, or known to be another's */
	bool asking, asked_boot;
	bool recover; /* a new epoch: all that is in flight goes back */
	uint64_t inc, epoch, seq, counter;
	int64_t asked_ms, until_ms; /* loop_ms: our lease of the shard */
	char *cursor; /* owned: of the lanes' listing */

	struct list parts;   /* enqueue: waiting, struct store_part */
	struct list batches; /* enqueue: sent, in order, struct store_batch */
	struct list again;   /* batches whose reply was lost */
	unsigned nbatches;
	uint64_t *known; /* owned: bases Redis has, by id modulo its size */

	struct list wants;   /* lease: waiting requests */
	struct list leasing; /* calls under way */
	struct list leases; /* in flight with us */
	struct store_strays *strays; /* owned: a look for unknown ones */
	char *expire_cursor; /* owned */

	struct store_journal_entry *out; /* owned: outcomes to settle */
	size_t nout, out_cap;
	struct list settling; /* sent batches of outcomes, in order */
	size_t unsettled; /* nout and what is in settling */
	int64_t settle_after_ms; /* not before, after a refusal */

	int64_t tick_ms, tick_at_ms; /* pause, next */
	bool ticking, reaping, sweeping;
	uint64_t reaped; /* the campaign being dropped */
};

enum store_phase { STORE_AWAY, STORE_CHECKING, STORE_OWNING, STORE_UP };

struct store {
	const struct store_ops *ops;
	void *arg;
	struct loop *loop; /* borrowed */
	struct conf *conf; /* a reference */
	char *spool, *daemon; /* owned */
	int lock_fd;
	struct store_addr_key *key;    /* owned */
	struct store_journal *journal; /* owned */
	struct rdb *rdb;               /* owned */
	struct rdb_server *server;     /* owned; NULL: external */
	struct rdb_functions *functions; /* while checking */
	struct rdb_call *call;           /* of the start: settings */

	enum store_phase phase;
	bool told_up; /* on_up was called, on_down not yet */
	bool stopping, dead;
	struct store_shard *shard; /* owned */
	unsigned nshards;
	struct rdb_codec cmd; /* the call being written */

	struct list reqs;   /* every request */
	struct list timed;  /* enqueue: by arrival */
	struct list commits; /* struct commit of stage.c */
	struct list sweeps;  /* struct sweep of stage.c */
	struct loop_task flush;
	struct loop_timer beat;  /* 10-100 ms: ticks, renewals, deadlines */
	struct loop_timer settle; /* outcomes wait at most this long */
	int64_t beat_ms, guard_ms, sweep_ms, retry_ms, reap_ms;

	struct store_camp *camps; /* owned: uthash by id */
	struct store_camp *camps_named; /* the same, by name */
	struct store_name *names; /* owned: interned numbers */
	struct list setting; /* campaign states not confirmed by all */

	bool low_memory, low_disk, journal_bad;
	uint64_t used_memory;
	char why[256]; /* of being down */

	void (*shut_done)(void *arg);
	void *shut_arg;
	struct loop_timer shut;
	unsigned shut_step, shut_open;
	int64_t shut_until_ms;
};

#endif
