/*
 * From root to the service's user: everything after this runs without
 * privileges except binding low ports, which a reload may need.
 */
#ifndef FACTEURD_PRIVS_H
#define FACTEURD_PRIVS_H

#include "base/err.h"

/* Does nothing when not root or when user is NULL.  dir is made when missing
 * and given to the user. */
int facteurd_privs_drop(const char *user, const char *group, const char *dir,
    struct err *e);

#endif
