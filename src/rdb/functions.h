/*
 * The queue's function library (queue/lua.h) in Redis: loaded when it is not
 * there or not the same.  Data written by a newer schema is refused.
 */
#ifndef RDB_FUNCTIONS_H
#define RDB_FUNCTIONS_H

struct loop;
struct rdb;
struct rdb_functions;

/* schema_key: the hash whose field `schema` tells the data's schema.  done is
 * called once, from the loop; why NULL: the library is in place. */
struct rdb_functions *rdb_functions_load(struct loop *l, struct rdb *r,
    const char *schema_key, void (*done)(void *arg, const char *why),
    void *arg);
void rdb_functions_cancel(struct rdb_functions **f);

#endif
