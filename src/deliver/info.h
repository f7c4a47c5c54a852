/*
 * What the control socket shows of sites and sessions, and the lifting of
 * holds.
 */
#ifndef DELIVER_INFO_H
#define DELIVER_INFO_H

#include "deliver/deliver.h"
#include "deliver/session.h"

void deliver_info_sites(struct deliver *d,
    void (*each)(void *arg, const struct deliver_site_info *i), void *arg);
void deliver_info_sessions(struct deliver *d,
    void (*each)(void *arg, const char *site,
	const struct deliver_session_info *i),
    void *arg);
unsigned deliver_info_flush(struct deliver *d, const char *name);

#endif
