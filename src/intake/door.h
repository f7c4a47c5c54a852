/*
 * What a configuration says about taking mail in.
 *
 * A generation is a configuration with its index of users.  A door is what
 * one listen block of a generation says: sessions and messages hold
 * references to it, so that a reload pulls nothing away under them.
 */
#ifndef INTAKE_DOOR_H
#define INTAKE_DOOR_H

#include "base/err.h"
#include "conf/conf.h"
#include "smtp/server.h"

struct intake_user;
struct tls_ctx;

struct intake_generation {
	unsigned refs;
	struct conf *conf;         /* a reference */
	struct intake_user *users; /* owned hash */
};

struct intake_door {
	unsigned refs;
	struct intake_generation *generation; /* a reference */
	const struct conf_listen *listen;     /* of that generation */
	struct smtp_server_rules rules;
	struct tls_ctx *tls; /* owned; NULL: none */
	char hostname[256];
};

struct intake_generation *intake_door_generation(struct conf *conf);
void intake_door_generation_unref(struct intake_generation **g);
struct intake_door *intake_door_new(struct intake_generation *g,
    const struct conf_listen *l, struct err *e);
struct intake_door *intake_door_ref(struct intake_door *d);
void intake_door_unref(struct intake_door **d);

#endif
