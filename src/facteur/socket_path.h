/*
 * The control socket that a configuration names.  The tool reads this one
 * setting by itself: it must work for users who may not read the keys and
 * secrets that a whole configuration names.
 */
#ifndef FACTEUR_SOCKET_PATH_H
#define FACTEUR_SOCKET_PATH_H

#include "base/err.h"

/* *path is malloced, or NULL where the file does not set it; -1: the file
 * could not be read. */
int facteur_socket_path(const char *conf, char **path, struct err *e);

#endif
