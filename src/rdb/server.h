/*
 * The private redis-server of the embedded queue: one process on a unix socket
 * in a directory of the spool, with a configuration of its own.
 *
 * The process holds a record lock on DIR/lock for as long as it lives; so a
 * server that survived a killed daemon is found by that lock, adopted and
 * watched, and never a second one started on the same files.  It is started
 * again, after a growing pause, when it dies.
 */
#ifndef RDB_SERVER_H
#define RDB_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/types.h>

#include "base/err.h"

struct loop;
struct rdb;
struct rdb_server;

struct rdb_server_params { /* copied */
	const char *program;
	const char *dir; /* made when missing */
	bool fsync_always; /* else every second */
	uint64_t max_memory_bytes;
};

/* The owner holds the spool's lock.  Fails when the program or directory
 * can't be used. */
struct rdb_server *rdb_server_open(struct loop *l,
    const struct rdb_server_params *p, struct err *e);
/* Forgets the process and leaves it running. */
void rdb_server_close(struct rdb_server **s);
/* "unix:/..." for rdb_open. */
const char *rdb_server_address(const struct rdb_server *s);
pid_t rdb_server_pid(const struct rdb_server *s); /* 0: none now */
/* Ends the process, by SHUTDOWN over r when that is up, else by signals;
 * done is called, from the loop, when it is gone. */
void rdb_server_stop(struct rdb_server *s, struct rdb *r,
    void (*done)(void *arg), void *arg);

#endif
