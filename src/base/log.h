/*
 * Log lines: time, level, event name, key=value pairs.
 *
 *   log_info("tx.sent", "id=%s site=%s", id, site);
 *
 * error: an operator must act; warn: rate-limited by event; info: one per
 * outcome; debug: off by default.  Text that came from outside goes through
 * log_q(), which quotes and escapes it.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"
#include "base/view.h"

enum log_level { LOG_DEBUG_, LOG_INFO_, LOG_WARN_, LOG_ERROR_ };

/* path NULL or "stderr": standard error; "syslog": syslog(3), facility mail.
 * Closes what was open before. */
int log_open(const char *path, enum log_level least, struct err *e);
int log_reopen(struct err *e); /* after the file was moved away */
int log_level_parse(const char *name); /* debug info warn error; -1 */
bool log_wants(enum log_level level);

void log_write(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#define log_debug(...)                                                         \
	do {                                                                   \
		if (log_wants(LOG_DEBUG_))                                     \
			log_write(LOG_DEBUG_, __VA_ARGS__);                    \
	} while (0)
#define log_info(...) log_write(LOG_INFO_, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN_, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR_, __VA_ARGS__)

/* Outside text as a quoted word of at most 300 bytes; one of eight static
 * buffers in turn, so up to eight fit into one line. */
const char *log_q(struct view v);

#endif
