/*
 * The addresses a session tries, in order: each MX host's, looked up when its
 * turn comes; those of a family that the source has not are left out.
 */
#ifndef DELIVER_HOP_H
#define DELIVER_HOP_H

#include <stdbool.h>
#include <stddef.h>

#include <sys/socket.h>

struct conf;
struct conf_source;
struct deliver_hop;
struct deliver_result;
struct dns;
struct dns_mx_host;
struct loop;

struct deliver_hop_params {
	struct loop *loop;
	struct dns *dns;
	const struct conf *conf; /* borrowed for the life of the hops */
	const struct conf_source *source; /* likewise; NULL: any */
	const struct dns_mx_host *mx;     /* copied */
	size_t nmx;
	bool literal; /* mx[0] is an address literal */
	unsigned port;
};
struct deliver_hop *deliver_hop_new(const struct deliver_hop_params *p);
void deliver_hop_free(struct deliver_hop **h); /* silence from now on */

struct deliver_hop_addr { /* borrowed until the next call */
	const char *mx;
	struct sockaddr_storage peer, local;
	socklen_t peer_len, local_len; /* local_len 0: the kernel chooses */
	bool self;                     /* one of our own listeners */
};

/* The next one, from the loop; NULL: there is none any more, and why tells
 * whether names were the reason (kind UNTRIED: they were not). */
void deliver_hop_next(struct deliver_hop *h,
    void (*done)(void *arg, const struct deliver_hop_addr *a,
	const struct deliver_result *why),
    void *arg);

#endif
