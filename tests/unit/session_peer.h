#ifndef TESTS_UNIT_SESSION_PEER_H
#define TESTS_UNIT_SESSION_PEER_H

#include <sys/socket.h>

struct tls_ctx;

void session_peer_accept(void *arg, int fd, const struct sockaddr *peer);
void session_peer_tls(struct tls_ctx *ctx);
void session_peer_close(void);

#endif
