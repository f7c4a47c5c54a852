/*
 * A listening socket: TCP ("127.0.0.1:25", "[::1]:25", "*:25") or unix
 * ("unix:/run/x").  When file descriptors end, accepting pauses for a moment
 * instead of spinning; a reserve descriptor lets one caller be told 421.
 */
#ifndef IO_LISTENER_H
#define IO_LISTENER_H

#include <sys/socket.h>

#include "base/err.h"

struct loop;
struct listener;

/* accepted(arg, fd, peer): fd is non-blocking, close-on-exec, and owned by
 * the callee. */
struct listener *listener_open(struct loop *l, const char *address,
    unsigned unix_mode,
    void (*accepted)(void *arg, int fd, const struct sockaddr *peer),
    void *arg, struct err *e);
void listener_close(struct listener **ls);
/* Stops and starts accepting; waiting callers stay in the kernel's queue. */
void listener_pause(struct listener *ls);
void listener_resume(struct listener *ls);
/* Port in use, for address "...:0". */
unsigned listener_port(const struct listener *ls);
/* "host:port", "[v6]:port" or "unix:/path" to a socket address. */
int listener_parse(const char *address, struct sockaddr_storage *sa,
    socklen_t *len, struct err *e);

#endif
