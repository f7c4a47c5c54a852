#include "config.h"
#include "io/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/conn.h"
#include "io/loop.h"

#define ACCEPTS_PER_TURN 64
#define EXHAUSTED_PAUSE_MS 200

struct listener {
	char *address; /* owned */
	char *path;    /* owned: of the unix socket, removed at close */
	unsigned port;

	struct loop *loop; /* borrowed */
	void (*accepted)(void *arg, int fd, const struct sockaddr *peer);
	void *arg;

	ev_io watcher;
	struct loop_timer retry; /* pending: descriptors had run out */
	int fd;
	int reserve_fd; /* given up to get rid of one caller */

	bool paused;
	bool dead;
};

static int
parse_unix(const char *path, struct sockaddr_storage *sa, socklen_t *len,
    struct err *e)
{
	struct sockaddr_un *un = (void *)sa;
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof(un->sun_path))
		return err_set(e, "unix:%s: the path has %zu bytes, 1 to %zu "
		    "are possible", path, n, sizeof(un->sun_path) - 1);
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, n + 1);
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	return 0;
}

/* Cuts "host:port" or "[v6]:port" in two. */
static int
split(const char *address, char host[256], const char **port)
{
	const char *colon = strrchr(address, ':'), *from = address;
	size_t n = colon ? (size_t)(colon - address) : 0;

	if (n == 0)
		return -1;
	if (address[0] == '[') {
		if (n < 3 || address[n - 1] != ']')
			return -1;
		from++;
		n -= 2;
	} else if (memchr(address, ':', n)) {
		return -1;
	}
	if (n >= 256)
		return -1;
	memcpy(host, from, n);
	host[n] = '\0';
	*port = colon + 1;
	return 0;
}

int
listener_parse(const char *address, struct sockaddr_storage *sa,
    socklen_t *len, struct err *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV }, *found;
	const char *port, *name;
	char host[256];
	uint64_t number;
	int rc;

	memset(sa, 0, sizeof(*sa));
	if (strncmp(address, "unix:", 5) == 0)
		return parse_unix(address + 5, sa, len, e);
	if (split(address, host, &port))
		return err_set(e, "%s: want \"host:port\", \"[v6]:port\" or "
		    "\"unix:/path\"", address);
	if (view_u64(view_str(port), &number) || number > 65535)
		return err_set(e, "%s: the port must be a number up to 65535",
		    address);
	name = strcmp(host, "*") == 0 ? "::" : host;
	rc = getaddrinfo(name, port, &hints, &found);
	if (rc)
		return err_set(e, "%s: %s", address, gai_strerror(rc));
	memcpy(sa, found->ai_addr, found->ai_addrlen);
	*len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

/* Gets rid of the first caller in the queue, so that it does not hang there,
 * and lets the process breathe. */
static void
exhausted(struct listener *ls, int error)
{
	log_warn("listen.exhausted", "address=%s error=%s", ls->address,
	    log_q(view_str(strerror(error))));
	if (ls->reserve_fd >= 0) {
		close(ls->reserve_fd);
		ls->reserve_fd = accept4(ls->fd, NULL, NULL, SOCK_CLOEXEC);
		if (ls->reserve_fd >= 0)
			close(ls->reserve_fd);
	}
	ls->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ev_io_stop(loop_ev(ls->loop), &ls->watcher);
	loop_timer_start(&ls->retry, EXHAUSTED_PAUSE_MS);
}

static bool
is_exhaustion(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	    error == ENOMEM;
}

static void
on_acceptable(struct ev_loop *ev, ev_io *w, int revents)
{
	struct listener *ls = w->data;
	struct sockaddr_storage peer;
	socklen_t len;
	int fd, i;

	(void)ev;
	(void)revents;
	for (i = 0; i < ACCEPTS_PER_TURN && !ls->paused; i++) {
		len = sizeof(peer);
		memset(&peer, 0, sizeof(peer));
		fd = accept4(ls->fd, (void *)&peer, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && is_exhaustion(errno)) {
			exhausted(ls, errno);
			return;
		}
		if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (fd < 0) /* the caller gave up, or a network error */
			continue;
		conn_addr_unmap(&peer);
		ls->accepted(ls->arg, fd, (const struct sockaddr *)&peer);
		if (ls->dead)
			return;
	}
}

static void
on_retry(void *arg)
{
	struct listener *ls = arg;

	if (ls->reserve_fd < 0)
		ls->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (!ls->paused)
		ev_io_start(loop_ev(ls->loop), &ls->watcher);
}

/* A socket file that nobody listens on is left from a killed process. */
static void
remove_stale(const struct sockaddr_storage *sa, socklen_t len)
{
	const struct sockaddr_un *un = (const void *)sa;
	struct stat st;
	int fd;

	if (lstat(un->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const void *)sa, len) && errno == ECONNREFUSED)
		unlink(un->sun_path);
	close(fd);
}

static int
bind_unix(int fd, const struct sockaddr_storage *sa, socklen_t len,
    unsigned mode)
{
	const struct sockaddr_un *un = (const void *)sa;
	mode_t before;
	int rc;

	remove_stale(sa, len);
	before = umask(0777 & ~mode);
	rc = bind(fd, (const void *)sa, len);
	umask(before);
	if (rc == 0 && chmod(un->sun_path, mode))
		return -1;
	return rc;
}

static int
bind_tcp(int fd, const struct sockaddr_storage *sa, socklen_t len,
    bool wildcard)
{
	int on = 1, v6only = wildcard ? 0 : 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		return -1;
	/* Accepted sockets inherit it. */
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
		return -1;
	if (sa->ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)))
		return -1;
	return bind(fd, (const void *)sa, len);
}

static int
open_socket(struct sockaddr_storage *sa, socklen_t *len, bool wildcard)
{
	int flags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, fd;

	fd = socket(sa->ss_family, flags, 0);
	if (fd < 0 && errno == EAFNOSUPPORT && wildcard) { /* no IPv6 here */
		struct sockaddr_in in = { .sin_family = AF_INET,
			.sin_port = ((struct sockaddr_in6 *)sa)->sin6_port };

		memset(sa, 0, sizeof(*sa));
		memcpy(sa, &in, sizeof(in));
		*len = sizeof(in);
		fd = socket(AF_INET, flags, 0);
	}
	return fd;
}

static int
listen_on(const char *address, unsigned unix_mode,
    struct sockaddr_storage *sa, struct err *e)
{
	bool wildcard = address[0] == '*';
	socklen_t len;
	int fd, rc;

	if (listener_parse(address, sa, &len, e))
		return -1;
	fd = open_socket(sa, &len, wildcard);
	if (fd < 0)
		return err_set(e, "%s: %s", address, strerror(errno));
	rc = sa->ss_family == AF_UNIX ? bind_unix(fd, sa, len, unix_mode) :
	    bind_tcp(fd, sa, len, wildcard);
	if (rc || listen(fd, SOMAXCONN)) {
		err_set(e, "%s: %s", address, strerror(errno));
		close(fd);
		return -1;
	}
	len = sizeof(*sa);
	getsockname(fd, (void *)sa, &len);
	return fd;
}

struct listener *
listener_open(struct loop *l, const char *address, unsigned unix_mode,
    void (*accepted)(void *arg, int fd, const struct sockaddr *peer),
    void *arg, struct err *e)
{
	struct sockaddr_storage sa;
	struct listener *ls;
	int fd = listen_on(address, unix_mode, &sa, e);

	if (fd < 0)
		return NULL;
	ls = mem_zalloc(sizeof(*ls));
	ls->address = mem_strdup(address);
	if (sa.ss_family == AF_UNIX)
		ls->path = mem_strdup(((struct sockaddr_un *)&sa)->sun_path);
	else /* the port is at the same place in both families */
		ls->port = ntohs(((struct sockaddr_in *)&sa)->sin_port);
	ls->loop = l;
	ls->accepted = accepted;
	ls->arg = arg;
	ls->fd = fd;
	ls->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	loop_timer_init(&ls->retry, l, on_retry, ls);
	ev_io_init(&ls->watcher, on_acceptable, fd, EV_READ);
	ls->watcher.data = ls;
	ev_io_start(loop_ev(l), &ls->watcher);
	return ls;
}

static void
release(void *p)
{
	struct listener *ls = p;

	free(ls->address);
	free(ls->path);
	free(ls);
}

void
listener_close(struct listener **lsp)
{
	struct listener *ls = *lsp;

	if (ls == NULL)
		return;
	*lsp = NULL;
	ls->dead = true;
	ev_io_stop(loop_ev(ls->loop), &ls->watcher);
	loop_timer_stop(&ls->retry);
	if (ls->path)
		unlink(ls->path);
	close(ls->fd);
	if (ls->reserve_fd >= 0)
		close(ls->reserve_fd);
	loop_bury(ls->loop, ls, release);
}

void
listener_pause(struct listener *ls)
{
	ls->paused = true;
	ev_io_stop(loop_ev(ls->loop), &ls->watcher);
}

void
listener_resume(struct listener *ls)
{
	ls->paused = false;
	if (!loop_timer_pending(&ls->retry))
		ev_io_start(loop_ev(ls->loop), &ls->watcher);
}

unsigned
listener_port(const struct listener *ls)
{
	return ls->port;
}
