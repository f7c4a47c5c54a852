#include "config.h"
#include "rdb/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "rdb/rdb.h"

#define RESTART_MIN_MS 100
#define RESTART_MAX_MS 10000
#define STEADY_MS 60000 /* a run this long was a good one */
#define ADOPTED_LOOK_MS 100
#define TERM_AFTER_MS 5000
#define KILL_AFTER_MS 60000

struct rdb_server {
	char *program, *dir, *address, *lock_path, *conf_path; /* owned */

	struct loop *loop; /* borrowed */
	ev_child child;
	struct loop_timer again; /* restart, or look after an adopted one */
	struct loop_timer stopping;
	void (*done)(void *arg); /* while stopping */
	void *arg;

	pid_t pid; /* 0: none */
	bool adopted; /* not our child */
	bool stopping_now;
	bool term_sent;
	unsigned deaths; /* in a row */
	int64_t started_ms;
};

static void start(void *arg);

const char *
rdb_server_address(const struct rdb_server *s)
{
	return s->address;
}

pid_t
rdb_server_pid(const struct rdb_server *s)
{
	return s->pid;
}

/* --- its files --------------------------------------------------------- */

static void
add_path(struct buf *b, const char *directive, const char *dir,
    const char *name)
{
	const char *p;

	buf_addf(b, "%s \"", directive);
	for (p = dir; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_addc(b, '\\');
		buf_addc(b, *p);
	}
	buf_addf(b, "%s\"\n", name);
}

/* What QUEUE.md promises, and sizes that keep suppression buckets, campaigns
 * and lanes in their compact encodings. */
static void
conf_text(const struct rdb_server_params *p, struct buf *b)
{
	buf_adds(b, "# Written by facteurd at each start.\n"
		    "port 0\n"
		    "unixsocketperm 700\n"
		    "daemonize no\n"
		    "loglevel notice\n"
		    "databases 1\n"
		    "maxclients 128\n"
		    "appendonly yes\n"
		    "no-appendfsync-on-rewrite no\n"
		    "aof-load-truncated yes\n"
		    "aof-use-rdb-preamble yes\n"
		    "auto-aof-rewrite-percentage 100\n"
		    "auto-aof-rewrite-min-size 64mb\n"
		    "save \"\"\n"
		    "stop-writes-on-bgsave-error yes\n"
		    "maxmemory-policy noeviction\n"
		    "hash-max-listpack-entries 256\n"
		    "hash-max-listpack-value 64\n"
		    "list-max-listpack-size -2\n"
		    "list-compress-depth 0\n"
		    "activerehashing yes\n"
		    "hz 10\n"
		    "lua-time-limit 5000\n"
		    "slowlog-log-slower-than 100000\n"
		    "client-output-buffer-limit normal 256mb 0 0\n");
	buf_addf(b, "appendfsync %s\n", p->fsync_always ? "always" : "everysec");
	buf_addf(b, "maxmemory %llu\n",
	    (unsigned long long)p->max_memory_bytes);
	add_path(b, "dir", p->dir, "");
	add_path(b, "unixsocket", p->dir, "/redis.sock");
	add_path(b, "pidfile", p->dir, "/redis.pid");
	add_path(b, "logfile", p->dir, "/redis.log");
}

static int
write_conf(const struct rdb_server *s, const struct rdb_server_params *p,
    struct err *e)
{
	struct buf b = { 0 };
	int fd, rc = 0;

	fd = open(s->conf_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(e, "%s: %s", s->conf_path, strerror(errno));
	conf_text(p, &b);
	if (write(fd, buf_ptr(&b), b.n) != (ssize_t)b.n)
		rc = err_set(e, "%s: %s", s->conf_path, strerror(errno));
	close(fd);
	buf_fini(&b);
	return rc;
}

/* The process that holds the lock; 0: nobody; -1: it can't be known. */
static pid_t
holder(const struct rdb_server *s)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(s->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), rc;

	if (fd < 0)
		return -1;
	rc = fcntl(fd, F_GETLK, &fl);
	close(fd);
	if (rc)
		return -1;
	return fl.l_type == F_UNLCK ? 0 : fl.l_pid > 0 ? fl.l_pid : -1;
}

/* --- its life ---------------------------------------------------------- */

static void
on_gone(struct rdb_server *s, int status)
{
	int64_t wait;

	ev_child_stop(loop_ev(s->loop), &s->child);
	loop_timer_stop(&s->again);
	if (s->stopping_now) {
		void (*done)(void *arg) = s->done;

		log_info("redis.stopped", "pid=%ld", (long)s->pid);
		s->pid = 0;
		s->adopted = false;
		s->done = NULL;
		loop_timer_stop(&s->stopping);
		if (done)
			done(s->arg);
		return;
	}
	if (loop_ms() - s->started_ms > STEADY_MS)
		s->deaths = 0;
	wait = (int64_t)RESTART_MIN_MS << (s->deaths < 7 ? s->deaths : 7);
	if (wait > RESTART_MAX_MS)
		wait = RESTART_MAX_MS;
	s->deaths++;
	log_error("redis.died", "pid=%ld status=0x%x restart_ms=%lld log=%s/redis.log",
	    (long)s->pid, (unsigned)status, (long long)wait, s->dir);
	s->pid = 0;
	s->adopted = false;
	loop_timer_init(&s->again, s->loop, start, s);
	loop_timer_start(&s->again, wait);
}

static void
on_child(struct ev_loop *ev, ev_child *w, int revents)
{
	(void)ev;
	(void)revents;
	on_gone(w->data, w->rstatus);
}

/* Not our child: the kernel tells nobody, so we look. */
static void
look(void *arg)
{
	struct rdb_server *s = arg;

	if (holder(s) == 0)
		on_gone(s, 0);
	else
		loop_timer_start(&s->again, ADOPTED_LOOK_MS);
}

static void
adopt(struct rdb_server *s, pid_t pid)
{
	log_info("redis.adopted", "pid=%ld dir=%s", (long)pid, s->dir);
	s->pid = pid > 0 ? pid : 0;
	s->adopted = true;
	s->started_ms = loop_ms();
	loop_timer_init(&s->again, s->loop, look, s);
	loop_timer_start(&s->again, ADOPTED_LOOK_MS);
}

/* In the child.  A record lock survives exec and dies with the process alone,
 * not with the children it forks to rewrite its file. */
static void
become(const struct rdb_server *s)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(s->lock_path, O_RDWR | O_CREAT, 0600), null;
	sigset_t none;

	if (fd < 0 || fcntl(fd, F_SETLK, &fl))
		_exit(125);
	null = open("/dev/null", O_RDWR);
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		if (null > 2)
			close(null);
	}
	setsid(); /* the terminal's interrupt is for the daemon */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	umask(077);
	execl(s->program, "redis-server", s->conf_path, (char *)NULL);
	_exit(126);
}

static void
start(void *arg)
{
	struct rdb_server *s = arg;
	pid_t pid = holder(s);

	if (pid != 0) {
		adopt(s, pid);
		return;
	}
	s->adopted = false;
	s->started_ms = loop_ms();
	pid = fork();
	if (pid == 0)
		become(s);
	if (pid < 0) {
		log_error("redis.fork", "error=%s", strerror(errno));
		loop_timer_init(&s->again, s->loop, start, s);
		loop_timer_start(&s->again, RESTART_MAX_MS);
		return;
	}
	s->pid = pid;
	ev_child_init(&s->child, on_child, pid, 0);
	s->child.data = s;
	ev_child_start(loop_ev(s->loop), &s->child);
	log_info("redis.started", "pid=%ld dir=%s", (long)pid, s->dir);
}

static int
check(const struct rdb_server *s, const struct rdb_server_params *p,
    struct err *e)
{
	struct sockaddr_un un;

	if (strlen(s->address) - 5 >= sizeof(un.sun_path))
		return err_set(e, "%s: path too long for a socket (at most %zu)",
		    s->address + 5, sizeof(un.sun_path) - 1);
	if (strchr(p->dir, '\n'))
		return err_set(e, "line break in the spool's path");
	if (access(p->program, X_OK))
		return err_set(e, "%s: %s", p->program, strerror(errno));
	if (mkdir(p->dir, 0700) && errno != EEXIST)
		return err_set(e, "%s: %s", p->dir, strerror(errno));
	return write_conf(s, p, e);
}

static void
release(void *p)
{
	struct rdb_server *s = p;

	free(s->program);
	free(s->dir);
	free(s->address);
	free(s->lock_path);
	free(s->conf_path);
	free(s);
}

struct rdb_server *
rdb_server_open(struct loop *l, const struct rdb_server_params *p,
    struct err *e)
{
	struct rdb_server *s = mem_zalloc(sizeof(*s));

	s->loop = l;
	s->program = mem_strdup(p->program);
	s->dir = mem_strdup(p->dir);
	s->address = mem_printf("unix:%s/redis.sock", p->dir);
	s->lock_path = mem_printf("%s/lock", p->dir);
	s->conf_path = mem_printf("%s/redis.conf", p->dir);
	if (check(s, p, e)) {
		release(s);
		return NULL;
	}
	loop_timer_init(&s->again, l, start, s);
	start(s);
	return s;
}

void
rdb_server_close(struct rdb_server **sp)
{
	struct rdb_server *s = *sp;

	if (s == NULL)
		return;
	*sp = NULL;
	s->done = NULL;
	ev_child_stop(loop_ev(s->loop), &s->child);
	loop_timer_stop(&s->again);
	loop_timer_stop(&s->stopping);
	loop_bury(s->loop, s, release);
}

/* --- stopping ---------------------------------------------------------- */

static void
harder(void *arg)
{
	struct rdb_server *s = arg;

	if (s->pid <= 0)
		return;
	kill(s->pid, s->term_sent ? SIGKILL : SIGTERM);
	if (s->term_sent)
		log_error("redis.killed", "pid=%ld", (long)s->pid);
	s->term_sent = true;
	loop_timer_start(&s->stopping, KILL_AFTER_MS);
}

static void
nothing_to_stop(void *arg)
{
	on_gone(arg, 0);
}

void
rdb_server_stop(struct rdb_server *s, struct rdb *r, void (*done)(void *arg),
    void *arg)
{
	s->done = done;
	s->arg = arg;
	s->stopping_now = true;
	if (s->pid == 0 && !s->adopted) {
		loop_timer_stop(&s->again);
		loop_timer_init(&s->again, s->loop, nothing_to_stop, s);
		loop_timer_start(&s->again, 0);
		return;
	}
	loop_timer_init(&s->stopping, s->loop, harder, s);
	if (r && rdb_is_up(r)) {
		rdb_words(r, "SHUTDOWN", NULL, NULL);
		loop_timer_start(&s->stopping, TERM_AFTER_MS);
	} else {
		harder(s);
	}
}
