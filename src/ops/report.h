/*
 * An answer of the control socket, filled once and printed as text for people
 * or as JSON for programs.
 *
 *   ops_report_start(r, OPS_REPORT_TABLE);
 *   for each: ops_report_row(r); ops_report_text(r, "site", name); ...
 *   ops_report_print(r, json, out);
 *
 * A table has the same fields in the same order in each row.
 */
#ifndef OPS_REPORT_H
#define OPS_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum ops_report_form {
	OPS_REPORT_TABLE, /* a line each; JSON: array of objects */
	OPS_REPORT_CARDS, /* "name: value" lines; JSON: array of objects */
	OPS_REPORT_CARD   /* one of them; JSON: object */
};

struct ops_report_cell;

struct ops_report { /* all-zero is empty */
	enum ops_report_form form;
	struct ops_report_cell *cells; /* owned */
	size_t n, cap, rows;
	struct buf texts;
};

void ops_report_start(struct ops_report *r, enum ops_report_form form);
void ops_report_fini(struct ops_report *r);
void ops_report_row(struct ops_report *r);
/* name is kept: a literal. */
void ops_report_text(struct ops_report *r, const char *name, const char *s);
void ops_report_view(struct ops_report *r, const char *name, struct view v);
void ops_report_count(struct ops_report *r, const char *name, uint64_t v);
void ops_report_bool(struct ops_report *r, const char *name, bool v);
void ops_report_time(struct ops_report *r, const char *name, int64_t ms);
void ops_report_print(const struct ops_report *r, bool json,
    struct buf *out);

#endif
