#include "config.h"
#include "ops/report.h"

#include <stdlib.h>
#include <unistr.h>
#include <uniwidth.h>

#include "base/bug.h"
#include "base/clock.h"
#include "base/mem.h"
#include "ops/json.h"

enum kind { TEXT, COUNT, BOOL, TIME };

struct ops_report_cell {
	const char *name; /* NULL: a row starts here */
	enum kind kind;
	int64_t value;
	size_t off, len; /* of the text for people, in texts */
};

#define GAP 2 /* blanks between columns */

void
ops_report_start(struct ops_report *r, enum ops_report_form form)
{
	ops_report_fini(r);
	r->form = form;
	if (form == OPS_REPORT_CARD)
		ops_report_row(r);
}

void
ops_report_fini(struct ops_report *r)
{
	free(r->cells);
	buf_fini(&r->texts);
	*r = (struct ops_report){ 0 };
}

static struct ops_report_cell *
add(struct ops_report *r, const char *name, enum kind kind)
{
	if (r->n == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 32;
		r->cells = mem_realloc(r->cells, r->cap * sizeof(*r->cells));
	}
	r->cells[r->n] = (struct ops_report_cell){ .name = name,
		.kind = kind,
		.off = r->texts.n };
	return &r->cells[r->n++];
}

void
ops_report_row(struct ops_report *r)
{
	add(r, NULL, TEXT);
	r->rows++;
}

/* Control characters of others' text must not reach a terminal. */
void
ops_report_view(struct ops_report *r, const char *name, struct view v)
{
	struct ops_report_cell *c = add(r, name, TEXT);
	size_t i;

	ops_json_utf8(&r->texts, v);
	c->len = r->texts.n - c->off;
	for (i = c->off; i < r->texts.n; i++) {
		char *p = buf_ptr(&r->texts) + i;

		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	}
}

void
ops_report_text(struct ops_report *r, const char *name, const char *s)
{
	ops_report_view(r, name, view_str(s));
}

void
ops_report_count(struct ops_report *r, const char *name, uint64_t v)
{
	struct ops_report_cell *c = add(r, name, COUNT);

	c->value = (int64_t)v;
	buf_addf(&r->texts, "%llu", (unsigned long long)v);
	c->len = r->texts.n - c->off;
}

void
ops_report_bool(struct ops_report *r, const char *name, bool v)
{
	struct ops_report_cell *c = add(r, name, BOOL);

	c->value = v;
	buf_adds(&r->texts, v ? "yes" : "no");
	c->len = r->texts.n - c->off;
}

void
ops_report_time(struct ops_report *r, const char *name, int64_t ms)
{
	struct ops_report_cell *c = add(r, name, TIME);
	char text[CLOCK_ISO_MAX] = "-";

	c->value = ms;
	if (ms > 0)
		clock_iso(ms - ms % 1000, text);
	buf_adds(&r->texts, text);
	if (ms > 0) /* without ".000" */
		buf_cut(&r->texts, r->texts.n - 5);
	if (ms > 0)
		buf_addc(&r->texts, 'Z');
	c->len = r->texts.n - c->off;
}

static struct view
text_of(const struct ops_report *r, const struct ops_report_cell *c)
{
	return view_of(buf_ptr(&r->texts) + c->off, c->len);
}

static void
json_cell(const struct ops_report *r, const struct ops_report_cell *c,
    struct buf *out)
{
	ops_json_string(out, view_str(c->name));
	buf_addc(out, ':');
	switch (c->kind) {
	case TEXT:
		ops_json_string(out, text_of(r, c));
		return;
	case COUNT:
		buf_addv(out, text_of(r, c));
		return;
	case BOOL:
		buf_adds(out, c->value ? "true" : "false");
		return;
	case TIME:
		ops_json_time(out, c->value);
		return;
	}
}

static void
print_json(const struct ops_report *r, struct buf *out)
{
	bool one = r->form == OPS_REPORT_CARD;
	size_t i, row = 0, cell = 0;

	buf_adds(out, one ? "" : "[");
	for (i = 0; i < r->n; i++) {
		const struct ops_report_cell *c = &r->cells[i];

		if (c->name == NULL) {
			buf_adds(out, row++ ? "},{" : "{");
			cell = 0;
			continue;
		}
		if (cell++)
			buf_addc(out, ',');
		json_cell(r, c, out);
	}
	buf_adds(out, row ? "}" : "");
	buf_adds(out, one ? "\n" : "]\n");
}

/* Columns on a terminal. */
static size_t
width(struct view v)
{
	int n = u8_width((const uint8_t *)v.p, v.n, "UTF-8");

	return n > 0 ? (size_t)n : 0;
}

static void
pad(struct buf *out, size_t n)
{
	while (n--)
		buf_addc(out, ' ');
}

static void
print_cards(const struct ops_report *r, struct buf *out)
{
	size_t i, widest = 0, row = 0;

	for (i = 0; i < r->n; i++)
		if (r->cells[i].name &&
		    view_str(r->cells[i].name).n > widest)
			widest = view_str(r->cells[i].name).n;
	for (i = 0; i < r->n; i++) {
		const struct ops_report_cell *c = &r->cells[i];

		if (c->name == NULL) {
			buf_adds(out, row++ ? "\n" : "");
			continue;
		}
		buf_adds(out, c->name);
		buf_addc(out, ':');
		pad(out, widest - view_str(c->name).n + 1);
		buf_addv(out, text_of(r, c));
		buf_addc(out, '\n');
	}
}

/* One line; cell NULL: the names. */
static void
print_line(const struct ops_report *r, const struct ops_report_cell *row,
    size_t columns, const size_t *wide, struct buf *out)
{
	size_t i, start = out->n;

	for (i = 0; i < columns; i++) {
		const struct ops_report_cell *c = &row[i];
		struct view v = r ? text_of(r, c) : view_str(c->name);
		size_t room = wide[i] - width(v);

		if (c->kind == COUNT)
			pad(out, room);
		if (r && v.n == 0) {
			buf_addc(out, '-');
			room -= room > 0;
		}
		buf_addv(out, v);
		if (c->kind != COUNT)
			pad(out, room);
		pad(out, GAP);
	}
	while (out->n > start && buf_ptr(out)[out->n - 1] == ' ')
		buf_cut(out, out->n - 1);
	buf_addc(out, '\n');
}

static void
print_table(const struct ops_report *r, struct buf *out)
{
	size_t columns = r->rows ? r->n / r->rows - 1 : 0, i, k;
	size_t *wide;

	if (r->rows == 0)
		return;
	BUG_ON(r->n != r->rows * (columns + 1));
	wide = mem_zalloc(columns * sizeof(*wide));
	for (k = 0; k < columns; k++)
		wide[k] = view_str(r->cells[k + 1].name).n;
	for (i = 0; i < r->n; i++) {
		size_t w = width(text_of(r, &r->cells[i]));

		k = i % (columns + 1);
		if (k && w > wide[k - 1])
			wide[k - 1] = w;
	}
	print_line(NULL, r->cells + 1, columns, wide, out);
	for (i = 0; i < r->rows; i++)
		print_line(r, r->cells + i * (columns + 1) + 1, columns, wide,
		    out);
	free(wide);
}

void
ops_report_print(const struct ops_report *r, bool json, struct buf *out)
{
	if (json)
		print_json(r, out);
	else if (r->form == OPS_REPORT_TABLE)
		print_table(r, out);
	else
		print_cards(r, out);
}
