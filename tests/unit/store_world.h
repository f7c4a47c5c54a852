/*
 * A store on a private redis-server in a directory of its own, and calls that
 * wait for their answer.
 */
#ifndef TESTS_UNIT_STORE_WORLD_H
#define TESTS_UNIT_STORE_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#include "store/store.h"

struct conf;

#define WORLD_LANES_MAX 64

struct world { /* one store; several may share a redis */
	struct conf *conf; /* owned */
	struct store *store;
	char dir[128];
	unsigned ups, downs, lost, lanes, dropped, suppressed, states;
	char why[256]; /* of the last on_down */
	struct { unsigned shard; uint64_t campaign; char domain[64]; }
	    lane[WORLD_LANES_MAX];
};

/* embedded: starts a server in the world's directory.  Else address. */
void world_init(struct world *w, unsigned shards, const char *address);
void world_open(struct world *w);  /* does not wait */
void world_start(struct world *w); /* and waits until it is up */
void world_crash(struct world *w); /* the daemon dies, Redis lives on */
void world_stop(struct world *w);  /* in order */
void world_fini(struct world *w);  /* stops what runs, removes the files */
struct loop *world_loop(void);
pid_t world_redis_pid(const struct world *w);
/* Turns the loop until cond(arg) or ms have passed; what cond said. */
bool world_until(bool (*cond)(void *arg), void *arg, int ms);
void world_sleep(int ms);

struct store_campaign *world_campaign(struct world *w, const char *name);
/* n recipients user<from>.. at domain; waits.  base: 0 or the id of a base
 * that goes along. */
enum store_status world_enqueue(struct world *w, struct store_campaign *c,
    const char *domain, unsigned from, unsigned n, uint64_t base);
/* Records leased; into out (at most max). */
size_t world_lease(struct world *w, unsigned shard, struct store_campaign *c,
    const char *domain, unsigned max, struct store_lease **out);
void world_settle_all(struct world *w, struct store_lease **v, size_t n,
    enum store_outcome out);
bool world_settled(struct world *w, int ms);
struct store_shard_stat world_stat(struct world *w, unsigned shard);
/* One command by a connection of its own; the reply's integer, or 0.  The text
 * of an error, status or string goes to text where given. */
long long world_command(struct world *w, char text[256], const char *fmt, ...);
/* Sum over shards. */
struct store_shard_stat world_total(struct world *w);

#endif
