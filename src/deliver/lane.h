/*
 * What the queue holds for us, as far as we were told: lanes (campaign,
 * domain, shard) with their campaigns.  A lane lives while it has records that
 * may be leased; it is always in exactly one place: its route's turns, a
 * lease call, the condemned ring, or waiting for its campaign or its domain.
 */
#ifndef DELIVER_LANE_H
#define DELIVER_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include <uthash.h>

#include "base/list.h"
#include "site/source.h"
#include "store/store.h"

struct conf_tenant;
struct deliver;
struct deliver_domain;
struct deliver_turn;

struct deliver_tenant {
	UT_hash_handle hh;
	char *name; /* owned */
	const struct conf_tenant *conf; /* NULL: gone from the configuration */
	struct site_source_set sources;
};

struct deliver_campaign {
	UT_hash_handle hh;
	uint64_t id;
	struct deliver *d;
	struct store_campaign *sc; /* borrowed; NULL: being loaded */
	struct deliver_tenant *tenant;
	struct list lanes;
	struct list ready;   /* items on routes, not begun */
	struct list loading; /* items that wait for sc */
	struct store_req *load;
};

enum deliver_lane_state {
	DELIVER_LANE_WAITING, /* for campaign or domain */
	DELIVER_LANE_READY,   /* in its route's turns */
	DELIVER_LANE_ASKED,   /* in a lease call */
	DELIVER_LANE_LATER,   /* refused just now */
	DELIVER_LANE_CONDEMNED
};

struct deliver_lane_key {
	const struct deliver_domain *domain;
	uint64_t campaign;
	uint64_t shard;
};

struct deliver_lane {
	UT_hash_handle hh;
	struct deliver_lane_key key;
	struct deliver_domain *domain;
	struct deliver_campaign *campaign;
	struct deliver_turn *turn; /* counted; NULL: on no route */
	struct deliver_turn *asked_of; /* counted; while asked */
	struct list link;
	struct list of_domain, of_campaign;
	enum deliver_lane_state state;
	bool again;     /* told of while asked */
	bool gone;      /* forgotten while asked */
	unsigned asked; /* records wanted in this turn */
};

struct deliver_campaign *deliver_lane_campaign(struct deliver *d, uint64_t id);
struct deliver_tenant *deliver_lane_tenant(struct deliver *d,
    const char *name);
void deliver_lane_tenants_reload(struct deliver *d);
/* Records may be leased from it. */
void deliver_lane_told(struct deliver *d, unsigned shard, uint64_t campaign,
    const char *domain);
struct deliver_lane *deliver_lane_find(struct deliver *d, unsigned shard,
    uint64_t campaign, const char *domain);
/* Into the place that its campaign and its domain give it now. */
void deliver_lane_place(struct deliver *d, struct deliver_lane *l);
/* Out of wherever it is, into a lease call. */
void deliver_lane_ask(struct deliver *d, struct deliver_lane *l);
/* Back from a lease call; more: it still has records. */
void deliver_lane_answered(struct deliver *d, struct deliver_lane *l,
    bool more);
/* Back from a lease call without an answer, or held by the queue though its
 * campaign is active: asked again some seconds later. */
void deliver_lane_refused(struct deliver *d, struct deliver_lane *l);
void deliver_lane_again(struct deliver *d); /* now */
void deliver_lane_forget(struct deliver *d, struct deliver_lane *l);
/* Paused, resumed, cancelled: every lane anew. */
void deliver_lane_campaign_changed(struct deliver *d, uint64_t id);
void deliver_lane_shard_lost(struct deliver *d, unsigned shard);
void deliver_lane_free_all(struct deliver *d);

#endif
