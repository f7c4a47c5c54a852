#include "config.h"
#include "mail/undo.h"

#include <string.h>
#include <strings.h>

#include "mail/undo_part.h"

/*
 * Plain form: a varint with the length of the list, the list, the text.  The
 * list has for each undone part: octets of text before it since the last one,
 * its kind, octets of text it became, the codec's parameters.
 *
 * Which parts there are is found by a light scan, not by a MIME parser: what
 * the scan misses only stays as it is.
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

/* The end of a part's body: before the CRLF of the next delimiter line.  A
 * line that begins with "--" and is no delimiter ends it as well: then the
 * codec sees less, and the rest stays as it is. */
static size_t
body_end(struct view content, size_t from)
{
	struct view rest = view_skip(content, from);
	ptrdiff_t at = view_find(rest, VIEW("\r\n--"));
	size_t end = at < 0 ? content.n : from + (size_t)at;

	while (end >= from + 2 && content.p[end - 1] == '\n' &&
	    content.p[end - 2] == '\r')
		end -= 2;
	return end;
}

static bool
next_part(struct view content, size_t *at, struct part *p)
{
	static const char field[] = "\nContent-Transfer-Encoding:";

	for (;;) {
		const char *nl = *at < content.n
		    ? memchr(content.p + *at, '\n', content.n - *at)
		    : NULL;
		struct view here, after;
		ptrdiff_t head;

		if (nl == NULL)
			return false;
		here = view_skip(content, (size_t)(nl - content.p));
		*at = (size_t)(nl - content.p) + 1;
		if (!view_istarts(here, view_str(field)))
			continue;
		after = view_skip(here, sizeof(field) - 1);
		p->kind = encoding_at(after);
		head = view_find(after, VIEW("\r\n\r\n"));
		if (p->kind == KIND_NONE || head < 0)
			continue;
		p->start = (size_t)(after.p - content.p) + (size_t)head + 4;
		p->end = body_end(content, p->start);
		*at = p->start;
		if (p->end >= p->start + PART_MIN)
			return true;
	}
}

/* Adds the part to list and text where its codec gives it back exactly. */
static bool
undo_part(struct view content, const struct part *p, size_t before,
    struct buf *list, struct buf *text)
{
	struct view encoded = view_head(view_skip(content, p->start),
	    p->end - p->start);
	struct buf head = { 0 }, plain = { 0 }, again = { 0 };
	struct view params;
	bool same = false;

	if (codecs[p->kind].undo(encoded, &head, &plain))
		goto out;
	params = buf_view(&head);
	same = codecs[p->kind].redo(&params, buf_view(&plain), encoded.n,
		   &again) == 0 &&
	    view_eq(buf_view(&again), encoded);
	if (same) {
		buf_varint(list, before);
		buf_varint(list, p->kind);
		buf_varint(list, plain.n);
		buf_addv(list, buf_view(&head));
		buf_addv(text, buf_view(&plain));
	}
out:
	buf_fini(&head);
	buf_fini(&plain);
	buf_fini(&again);
	return same;
}

void
mail_undo_plain(struct view content, struct buf *plain)
{
	struct buf list = { 0 }, text = { 0 };
	struct part p;
	size_t at = 0, done = 0;

	while (next_part(content, &at, &p)) {
		size_t mark = text.n;

		buf_addv(&text,
		    view_head(view_skip(content, done), p.start - done));
		if (undo_part(content, &p, p.start - done, &list, &text)) {
			done = at = p.end;
		} else {
			buf_cut(&text, mark);
		}
	}
	buf_addlv(plain, buf_view(&list));
	buf_addv(plain, buf_view(&text));
	buf_addv(plain, view_skip(content, done));
	buf_fini(&list);
	buf_fini(&text);
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
