#include "config.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

#define WARN_BURST 20 /* lines of one event name in a second */

static struct {
	char *path; /* owned; NULL: standard error */
	int fd;
	bool to_syslog;
	enum log_level least;
	char warn_event[64];
	int64_t warn_since_ms;
	unsigned warn_count;
} lg = { .fd = STDERR_FILENO, .least = LOG_INFO_ };

static const char *const level_name[] = { "debug", "info", "warn", "error" };

int
log_open(const char *path, enum log_level least, struct err *e)
{
	int fd = STDERR_FILENO;
	bool to_syslog = path && strcmp(path, "syslog") == 0;
	char *copy;

	if (path && !to_syslog && strcmp(path, "stderr") != 0) {
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
		    0640);
		if (fd < 0)
			return err_set(e, "%s: %s", path, strerror(errno));
	}
	if (lg.fd != STDERR_FILENO)
		close(lg.fd);
	copy = fd == STDERR_FILENO ? NULL : mem_strdup(path);
	free(lg.path);
	lg.path = copy;
	lg.fd = fd;
	lg.to_syslog = to_syslog;
	lg.least = least;
	if (to_syslog)
		openlog("facteurd", LOG_PID | LOG_NDELAY, LOG_MAIL);
	return 0;
}

int
log_reopen(struct err *e)
{
	char *path = mem_strdup(lg.path);
	int rc = path ? log_open(path, lg.least, e) : 0;

	free(path);
	return rc;
}

int
log_level_parse(const char *name)
{
	int i;

	for (i = 0; i < 4; i++)
		if (strcmp(level_name[i], name) == 0)
			return i;
	return -1;
}

bool
log_wants(enum log_level level)
{
	return level >= lg.least;
}

/* A flood of one warning says no more than its first lines and its number. */
static bool
warn_suppressed(const char *event)
{
	int64_t now = clock_mono();
	unsigned left;

	if (strncmp(lg.warn_event, event, sizeof(lg.warn_event) - 1) == 0 &&
	    now - lg.warn_since_ms < 1000)
		return ++lg.warn_count > WARN_BURST;
	left = lg.warn_count > WARN_BURST ? lg.warn_count - WARN_BURST : 0;
	lg.warn_count = 1;
	lg.warn_since_ms = now;
	if (left)
		log_write(LOG_INFO_, "log.suppressed", "event=%s lines=%u",
		    lg.warn_event, left);
	snprintf(lg.warn_event, sizeof(lg.warn_event), "%s", event);
	return false;
}

static void
emit(enum log_level level, struct buf *b)
{
	static const int prio[] = { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR };

	if (lg.to_syslog) {
		syslog(prio[level], "%s", buf_str(b));
		return;
	}
	buf_addc(b, '\n');
	if (write(lg.fd, buf_ptr(b), b->n) < 0 && errno == EBADF)
		lg.fd = STDERR_FILENO;
}

void
log_write(enum log_level level, const char *event, const char *fmt, ...)
{
	struct buf b = { 0 };
	char when[CLOCK_ISO_MAX];
	va_list ap;

	if (level < lg.least || (level == LOG_WARN_ && warn_suppressed(event)))
		return;
	if (!lg.to_syslog) {
		clock_iso(clock_now(), when);
		buf_addf(&b, "%s ", when);
	}
	buf_addf(&b, "%s %s ", level_name[level], event);
	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	emit(level, &b);
	buf_fini(&b);
}

const char *
log_q(struct view v)
{
	static char ring[8][320];
	static unsigned next;
	char *out = ring[next++ & 7];
	size_t i, n = 0;

	out[n++] = '"';
	for (i = 0; i < v.n && n < 300; i++) {
		unsigned char c = (unsigned char)v.p[i];

		if (c == '"' || c == '\\') {
			out[n++] = '\\';
			out[n++] = (char)c;
		} else if (c < 0x20 || c == 0x7f) {
			n += (size_t)snprintf(out + n, 5, "\\x%02x", c);
		} else {
			out[n++] = (char)c;
		}
	}
	out[n++] = '"';
	out[n] = '\0';
	return out;
}
