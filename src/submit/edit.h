/*
 * The header of a submitted message made ready for sending: control headers
 * and Bcc out, Received on top, Date and Message-ID completed.
 */
#ifndef SUBMIT_EDIT_H
#define SUBMIT_EDIT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "submit/control.h"

struct conf;
struct submit_message;

struct submit_edit { /* what the header said */
	struct submit_control control;
	unsigned hops; /* Received fields that were there */
	unsigned nfrom;
	bool has_date, has_id;
};

/* Writes the edited message to out (empty).  -1: the header is broken or a
 * control header bad; e tells. */
int submit_edit(struct submit_edit *d, const struct conf *conf,
    const struct submit_message *m, struct buf *out, struct err *e);

#endif
