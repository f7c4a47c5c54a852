#include "config.h"
#include "mail/undo.h"

#include <string.h>
#include <strings.h>

#include "mail/scratch.h"
#include "mail/undo_part.h"

/*
 * Plain form: a varint with the length of the list, the list, the text.  The
 * list has for each undone part: octets of text before it since the last one,
 * its kind, octets of text it became, the codec's parameters.
 *
 * Which parts there are is found by a light scan, not by a MIME parser: what
 * the scan misses or takes wrongly only stays as it is.
 */
enum kind { KIND_NONE, KIND_BASE64, KIND_QP, KIND_N };

static const struct {
	const char *name;
	int (*undo)(struct view encoded, struct buf *head, struct buf *text);
	int (*redo)(struct view *head, struct view text, size_t max_bytes,
	    struct buf *out);
} codecs[] = {
	[KIND_NONE] = { "", NULL, NULL },
	[KIND_BASE64] = { "base64", mail_undo_b64_undo, mail_undo_b64_redo },
	[KIND_QP] = { "quoted-printable", mail_undo_qp_undo,
	    mail_undo_qp_redo },
};
_Static_assert(sizeof(codecs) / sizeof(codecs[0]) == KIND_N, "a row each");

#define PART_MIN 32 /* octets; a shorter one gains nothing */
#define BOUNDARIES_MAX 16
#define BUDGET 3 /* times the content */
#define ENTRY_MAX 12 /* octets in the list before a codec's parameters */

struct part {
	enum kind kind;
	size_t start, end; /* in the content */
};

/* The encoding named by the field that ends at the next line end. */
static enum kind
encoding_at(struct view v)
{
	struct view value = view_trim(view_cut(&v, '\r'));
	int k;

	for (k = KIND_BASE64; k < KIND_N; k++)
		if (view_ieq(value, view_str(codecs[k].name)))
			return (enum kind)k;
	return KIND_NONE;
}

struct scan {
	size_t at;
	size_t budget; /* octets that may still be tried: no more than linear */
	struct view boundary[BOUNDARIES_MAX]; /* into the content */
	unsigned nboundaries;
};

/* Remembers the boundary parameter on a line of a header. */
static void
note_boundary(struct scan *s, struct view line)
{
	ptrdiff_t at = view_find(line, VIEW("oundary="));
	struct view v;
	size_t n = 0;

	if (at < 1 || s->nboundaries == BOUNDARIES_MAX)
		return;
	v = view_skip(line, (size_t)at + 8);
	if (v.n && v.p[0] == '"') {
		v = view_skip(v, 1);
		while (n < v.n && v.p[n] != '"')
			n++;
	} else {
		while (n < v.n && v.p[n] > 32 && v.p[n] != ';')
			n++;
	}
	if (n > 0 && n <= 70) /* RFC 2046 5.1.1 */
		s->boundary[s->nboundaries++] = view_head(v, n);
}

static bool
is_delimiter(const struct scan *s, struct view v)
{
	unsigned i;

	for (i = s->nboundaries; i-- > 0;) {
		if (view_starts(v, s->boundary[i]))
			return true;
	}
	return false;
}

/* The end of a part's body: before the CRLF of the next delimiter line. */
static size_t
body_end(const struct scan *s, struct view content, size_t from)
{
	struct view rest = view_skip(content, from);
	size_t end = content.n;

	while (s->nboundaries) {
		ptrdiff_t at = view_find(rest, VIEW("\r\n--"));

		if (at < 0)
			break;
		rest = view_skip(rest, (size_t)at + 4);
		if (is_delimiter(s, rest)) {
			end = (size_t)(rest.p - content.p) - 4;
			break;
		}
	}
	while (end >= from + 2 && content.p[end - 1] == '\n' &&
	    content.p[end - 2] == '\r')
		end -= 2;
	return end;
}

static bool
next_part(struct view content, struct scan *s, struct part *p)
{
	static const char field[] = "Content-Transfer-Encoding:";

	while (s->at < content.n) {
		struct view line = view_skip(content, s->at), after;
		const char *nl = memchr(line.p, '\n', line.n);
		ptrdiff_t head;

		if (nl == NULL)
			return false;
		line.n = (size_t)(nl - line.p) + 1;
		s->at += line.n;
		if (line.p[0] != 'C' && line.p[0] != 'c' && line.p[0] != ' ' &&
		    line.p[0] != '\t')
			continue;
		if (!view_istarts(line, view_str(field))) {
			note_boundary(s, line);
			continue;
		}
		after = view_skip(line, sizeof(field) - 1);
		p->kind = encoding_at(after);
		after = view_skip(content, s->at - 2);
		head = view_find(after, VIEW("\r\n\r\n"));
		if (head < 0)
			return false;
		if (p->kind == KIND_NONE)
			continue;
		p->start = s->at - 2 + (size_t)head + 4;
		p->end = body_end(s, content, p->start);
		s->at = p->start;
		if (p->end < p->start + PART_MIN)
			continue;
		if (p->end - p->start > s->budget)
			return false;
		s->budget -= p->end - p->start;
		return true;
	}
	return false;
}

/* Adds the part to list and plain where its codec gives it back exactly. */
static bool
undo_part(struct view content, const struct part *p, size_t before,
    struct mail_scratch *m, struct buf *plain)
{
	struct view encoded = view_head(view_skip(content, p->start),
	    p->end - p->start);
	struct view params;
	int rc;

	buf_clear(&m->head);
	buf_clear(&m->part);
	rc = codecs[p->kind].undo(encoded, &m->head, &m->part);
	/* The plain form must not become longer than the content. */
	if (rc < 0 || m->part.n + m->head.n + ENTRY_MAX > encoded.n)
		return false;
	if (rc == 0) {
		params = buf_view(&m->head);
		buf_clear(&m->again);
		if (codecs[p->kind].redo(&params, buf_view(&m->part),
		    encoded.n, &m->again) ||
		    !view_eq(buf_view(&m->again), encoded))
			return false;
	}
	buf_addv(plain, view_head(view_skip(content, p->start - before),
	    before));
	buf_addv(plain, buf_view(&m->part));
	buf_varint(&m->list, before);
	buf_varint(&m->list, p->kind);
	buf_varint(&m->list, m->part.n);
	buf_addv(&m->list, buf_view(&m->head));
	return true;
}

void
mail_undo_plain(struct view content, struct buf *plain)
{
	struct mail_scratch *m = mail_scratch_get();
	struct scan s = { .budget = BUDGET * content.n };
	struct buf text = { 0 };
	struct part p;
	size_t done = 0;

	buf_clear(&m->list);
	buf_reserve(&text, content.n + 1);
	while (next_part(content, &s, &p)) {
		if (undo_part(content, &p, p.start - done, m, &text))
			done = s.at = p.end;
	}
	buf_reserve(plain, m->list.n + 10 + text.n + content.n - done);
	buf_addlv(plain, buf_view(&m->list));
	buf_addv(plain, buf_view(&text));
	buf_addv(plain, view_skip(content, done));
	buf_fini(&text);
	mail_scratch_done(&m->part);
	mail_scratch_done(&m->escaped);
	mail_scratch_done(&m->breaks);
	mail_scratch_done(&m->again);
}

static int
redo_part(struct view *list, struct view *text, size_t max_bytes,
    struct buf *content)
{
	uint64_t before, kind, n;

	if (buf_get_varint(list, &before) || buf_get_varint(list, &kind) ||
	    buf_get_varint(list, &n) || kind == KIND_NONE || kind >= KIND_N ||
	    before > text->n || n > text->n - before)
		return -1;
	buf_addv(content, view_head(*text, (size_t)before));
	*text = view_skip(*text, (size_t)before);
	if (content->n > max_bytes ||
	    codecs[kind].redo(list, view_head(*text, (size_t)n),
		max_bytes - content->n, content))
		return -1;
	*text = view_skip(*text, (size_t)n);
	return 0;
}

int
mail_undo_redo(struct view plain, size_t max_bytes, struct buf *content,
    struct err *e)
{
	size_t start = content->n;
	struct view list;

	if (buf_get_lv(&plain, &list))
		return err_set(e, "damaged list of undone parts");
	while (list.n)
		if (redo_part(&list, &plain, start + max_bytes, content))
			return err_set(e, "damaged list of undone parts");
	if (content->n - start > max_bytes ||
	    plain.n > max_bytes - (content->n - start))
		return err_set(e, "content of more than %zu bytes", max_bytes);
	buf_addv(content, plain);
	return 0;
}
