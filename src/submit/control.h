/*
 * Control headers: what a client says about the sending of a message, read
 * from its header and removed from it.  Their names are settings.
 */
#ifndef SUBMIT_CONTROL_H
#define SUBMIT_CONTROL_H

#include <stdint.h>

#include "base/err.h"
#include "mail/header.h"

struct conf;

#define SUBMIT_CONTROL_NAME_MAX 128

struct submit_control { /* plain value; all-zero: nothing was said */
	char campaign[SUBMIT_CONTROL_NAME_MAX + 1];
	char list[SUBMIT_CONTROL_NAME_MAX + 1];
	char class[SUBMIT_CONTROL_NAME_MAX + 1]; /* lower case */
	char source[SUBMIT_CONTROL_NAME_MAX + 1];
	int64_t not_before_ms; /* 0: at once */
	int64_t expires_ms;    /* 0: as the site says */
};

/* 1: f was a control header; 0: it is another; -1: its value is bad or it
 * came before, e names it. */
int submit_control_read(struct submit_control *c, const struct conf *conf,
    const struct mail_field *f, struct err *e);

#endif
