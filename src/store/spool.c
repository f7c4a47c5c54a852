#include "config.h"
#include "store/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/file.h>
#include <sys/stat.h>

#include <openssl/rand.h>

#include "base/mem.h"
#include "store/addr.h"
#include "store/state.h"

static int
lock(struct store *s, struct err *e)
{
	char *path = mem_printf("%s/lock", s->spool);
	int rc = 0;

	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0)
		rc = err_set(e, "%s: %s", path, strerror(errno));
	else if (flock(s->lock_fd, LOCK_EX | LOCK_NB))
		rc = err_set(e, "%s: another facteurd uses this spool", path);
	free(path);
	return rc;
}

static int
make_name(const char *path, struct err *e)
{
	char host[64] = "", *text;
	unsigned char r[6];
	size_t n;
	int fd, rc = 0;

	if (gethostname(host, sizeof(host) - 1) || RAND_bytes(r, sizeof(r)) != 1)
		return err_set(e, "no name for this daemon: %s",
		    strerror(errno));
	text = mem_printf("%s-%02x%02x%02x%02x%02x%02x\n", host, r[0], r[1],
	    r[2], r[3], r[4], r[5]);
	n = strlen(text);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, n) != (ssize_t)n)
		rc = err_set(e, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	free(text);
	return rc;
}

/* A name that can't be read is made anew: the shards are then free when the
 * old lease ran out. */
static int
read_name(struct store *s, struct err *e)
{
	char *path = mem_printf("%s/daemon", s->spool), text[160];
	ssize_t n = -1;
	int tries, fd, rc = 0;

	for (tries = 0; tries < 2 && n <= 1 && rc == 0; tries++) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? -1 : read(fd, text, sizeof(text));
		if (fd >= 0)
			close(fd);
		if (n <= 1 && tries == 0)
			rc = make_name(path, e);
	}
	if (rc == 0 && n <= 1)
		rc = err_set(e, "%s: %s", path, strerror(errno));
	if (rc == 0) {
		struct view v = view_trim(view_of(text, (size_t)n));

		s->daemon = mem_strndup(v.p, v.n);
	}
	free(path);
	return rc;
}

int
store_spool_open(struct store *s, const char *dir, struct err *e)
{
	char real[PATH_MAX], *path;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return err_set(e, "%s: %s", dir, strerror(errno));
	if (realpath(dir, real) == NULL)
		return err_set(e, "%s: %s", dir, strerror(errno));
	s->spool = mem_strdup(real);
	if (lock(s, e) || read_name(s, e))
		return -1;
	path = mem_printf("%s/address.key", s->spool);
	s->key = store_addr_key_open(path, e);
	free(path);
	return s->key ? 0 : -1;
}

void
store_spool_close(struct store *s)
{
	store_addr_key_close(&s->key);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	s->lock_fd = -1;
	free(s->spool);
	free(s->daemon);
	s->spool = s->daemon = NULL;
}
