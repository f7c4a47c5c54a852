/*
 * A world for the scheduler's tests: loop, queue, resolver, sessions,
 * contents and submission stand in for the real ones at link time; time is
 * virtual and moves by world_run().
 */
#ifndef TESTS_DELIVER_WORLD_H
#define TESTS_DELIVER_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "deliver/deliver.h"
#include "store/store.h"

#define WORLD_T0 INT64_C(1800000000000)

struct world_peer { /* how the hosts of a name behave */
	const char *mx; /* ends so; the first that fits counts */
	enum { PEER_OK, PEER_REFUSED, PEER_SILENT, PEER_GREETS_554,
		PEER_421_AT_MAIL, PEER_RCPT_550, PEER_RCPT_450, PEER_NO_HOST,
		PEER_IS_US, PEER_DAMAGED, PEER_UNTRIED } kind;
	int64_t connect_ms, reply_ms;
	unsigned sessions_max; /* more are refused; 0: any */
	bool no_dsn;
	/* seen */
	unsigned open, open_most, opened, sent;
};

struct world_zone {
	const char *domain; /* NULL ends */
	const char *mx;     /* "10 a.example,20 b.example"; NULL: none */
	int status;         /* enum dns_status */
	bool null_mx, implicit, no_address;
};

struct world_outcome {
	uint64_t id;
	enum store_outcome out;
	int64_t due_ms, at_ms;
	char reason;
	unsigned attempt;
};

struct world_sent {
	uint64_t campaign;
	int64_t at_ms;
	const char *source;
	char rcpt[80];
	char mx[80];
	unsigned group; /* recipients of the transaction */
};

struct world_line {
	const char *event;
	uint64_t id;
	char site[200];
	char text[200];
};

struct world_report {
	char sender[80], status[16];
	int action;
	int64_t at_ms;
	size_t settled_before; /* outcomes at its time */
};

extern struct conf world_conf;
extern struct conf_site world_sites[8];
extern struct conf_source world_sources[4];
extern struct conf_tenant world_tenants[8];
extern struct world_peer *world_peers;
extern const struct world_zone *world_zones;
extern struct deliver *world_d;
extern struct world_outcome *world_outcomes;
extern size_t world_noutcomes;
extern struct world_sent *world_sent;
extern size_t world_nsent;
extern struct world_line *world_lines;
extern size_t world_nlines;
extern struct world_report *world_reports;
extern size_t world_nreports;
extern bool world_submit_fails;  /* 451 */
extern bool world_content_fails; /* LATER */
extern bool world_queue_fails;   /* UNAVAILABLE to leases */
extern bool world_refuses;       /* every lane is held */
extern unsigned world_shards;
extern unsigned world_foreign; /* bits: shards past our lease of them */
extern unsigned world_lease_calls, world_leases_most, world_mx_lookups,
    world_mx_most, world_opened;
extern unsigned world_open, world_open_most;

int world_start(void **st); /* cmocka set-up */
int world_start_sharded(void **st); /* with four shards */
int world_end(void **st);   /* and tear-down: checks that nothing is left */
void world_run(int64_t ms);
struct store_campaign *world_campaign(const char *tenant, const char *name,
    enum store_class class);
void world_set(struct store_campaign *c, enum store_campaign_state state);
struct store_record *world_record(void); /* defaults for the next */
/* n records of r's kind for user<k>@domain; r NULL: defaults. */
void world_add(struct store_campaign *c, const char *domain, unsigned n,
    const struct store_record *r);
size_t world_count(enum store_outcome out);
size_t world_lines_of(const char *event);
size_t world_sent_to(const char *domain);
size_t world_sent_of(const struct store_campaign *c);
/* Records still in lanes, deferred, and leased. */
size_t world_queued(void);
size_t world_deferred(void);
size_t world_leased(void);
struct deliver_site_info *world_site(const char *name);
/* Of the sessions' fake: none is left (tear-down). */
unsigned world_sessions_left(void);

#endif
