/*
 * Which domains a tenant may write in From: and in MAIL FROM.
 */
#ifndef SUBMIT_RULES_H
#define SUBMIT_RULES_H

#include <stdbool.h>

#include "base/err.h"
#include "base/view.h"

struct conf_strs;
struct conf_tenant;
struct smtp_address;

/* "x": itself; ".x": below it; "*": any.  domain in A-labels. */
bool submit_rules_match(const struct conf_strs *rules, struct view domain);
/* -1: e names the domain. */
int submit_rules_envelope(const struct conf_tenant *t,
    const struct smtp_address *sender, struct err *e);
int submit_rules_from(const struct conf_tenant *t, const char *domain,
    struct err *e);
/* May the tenant send from this source? */
bool submit_rules_source(const struct conf_tenant *t, const char *source);

#endif
