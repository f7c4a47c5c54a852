/*
 * The text of one failure, written where it is known and shown by whoever
 * asked.  Functions that can fail take one last and return -1.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

struct err {
	char text[512];
};

/* Always returns -1, so that `return err_set(e, ...)` reads well; e may be
 * NULL. */
int err_set(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
