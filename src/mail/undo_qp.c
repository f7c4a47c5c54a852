#include "config.h"
#include "mail/undo_part.h"

#include <stdint.h>
#include <string.h>

#include "mail/scratch.h"
#include "mail/undo_escape.h"
#include "mail/undo_wrap.h"

/*
 * Quoted-printable (RFC 2045 6.7) in two steps: octets become escaped text,
 * which is then broken softly.  Encoders differ in what they escape without
 * need, in the case of hex digits, and in where they break.  All of it is read
 * off the part; where the encoder did other than predicted, a fix is kept.
 *
 * Parameters: flags, [what is escaped unlike the default], policy, [columns],
 * fixes of escapes (octets of text since the last one), fixes of breaks
 * (lines since the last one, length of the line plus one or 0 for no break).
 */
/* More fixes than one in so many lines: another encoder than we know. */
#define LINES_PER_FIX 4
#define FIXES_LEAST 8
#define LAST_MAX 48 /* octets of parameters without fixes */

struct guess { /* of an encoder */
	struct mail_undo_escape escape;
	struct mail_undo_wrap wrap;
};

/* --- undone --------------------------------------------------------------- */
static int
hex_pair(const char *p, unsigned *out, bool *has_lower)
{
	unsigned v = 0;
	int i;

	for (i = 0; i < 2; i++) {
		char c = p[i];

		v <<= 4;
		if (c >= '0' && c <= '9') {
			v |= (unsigned)(c - '0');
		} else if (c >= 'A' && c <= 'F') {
			v |= (unsigned)(c - 'A' + 10);
		} else if (c >= 'a' && c <= 'f') {
			v |= (unsigned)(c - 'a' + 10);
			*has_lower = true;
		} else {
			return -1;
		}
	}
	*out = v;
	return 0;
}

static void
note_width(unsigned width[2], struct view line, size_t n)
{
	bool escaped = n >= 3 && line.p[n - 3] == '=';

	if (n > width[escaped] && n <= MAIL_UNDO_WRAP_WIDTH_MAX)
		width[escaped] = (unsigned)n;
}

/* Takes the soft breaks out; breaks: their offsets in the escaped text. */
static int
unwrap(struct view encoded, struct mail_undo_wrap *w, struct buf *escaped,
    struct buf *breaks)
{
	while (encoded.n) {
		const char *nl = memchr(encoded.p, '\n', encoded.n);
		size_t n = nl ? (size_t)(nl - encoded.p) : encoded.n;
		struct view line = view_head(encoded, n);

		if (nl == NULL) {
			note_width(w->hard, line, n);
			buf_addv(escaped, line);
			return 0;
		}
		if (n == 0 || encoded.p[n - 1] != '\r')
			return -1;
		encoded = view_skip(encoded, n + 1);
		if (n >= 2 && line.p[n - 2] == '=') {
			note_width(w->soft, line, n - 2);
			buf_add(escaped, line.p, n - 2);
			buf_add(breaks, &escaped->n, sizeof(escaped->n));
		} else {
			note_width(w->hard, line, n - 1);
			buf_add(escaped, line.p, n + 1);
		}
	}
	return 0;
}

/* seen: how often each octet was escaped. */
static int
unescape(struct view escaped, struct mail_undo_escape *s, unsigned seen[256],
    struct buf *text)
{
	char *o = buf_reserve(text, escaped.n + 1), *start = o;
	bool any_lower = false;

	while (escaped.n) {
		const char *eq = memchr(escaped.p, '=', escaped.n);
		size_t n = eq ? (size_t)(eq - escaped.p) : escaped.n;
		unsigned c;

		memcpy(o, escaped.p, n);
		o += n;
		escaped = view_skip(escaped, n);
		if (eq == NULL)
			break;
		if (escaped.n < 3 || hex_pair(eq + 1, &c, &any_lower))
			return -1;
		*o++ = (char)c;
		seen[c]++;
		escaped = view_skip(escaped, 3);
	}
	s->lower = any_lower;
	buf_grown(text, (size_t)(o - start));
	return 0;
}

/* Octets that are escaped, or not, unlike the default for the most part. */
static void
learn_map(struct mail_undo_escape *s, struct view text,
    const unsigned seen[256])
{
	unsigned all[256] = { 0 };
	size_t i;
	int c;

	for (i = 0; i < text.n; i++) {
		if (mail_undo_escape_break(text, i))
			i++;
		else if (i + 1 < text.n && !mail_undo_escape_break(text, i + 1))
			all[(unsigned char)text.p[i]]++;
	}
	for (c = 0; c < 256; c++) {
		if (all[c])
			s->escaped[c] = seen[c] * 2 > all[c];
		if (s->escaped[c] != mail_undo_escape_default(c))
			s->plain_map = false;
	}
}

/* -1: too many. */
static int
escape_fixes(const struct mail_undo_escape *s, struct view text,
    struct view escaped, size_t max, struct buf *out)
{
	struct buf list = { 0 };
	size_t i, k = 0, last = 0, n = 0;

	for (i = 0; i < text.n && k < escaped.n; i++) {
		bool real = escaped.p[k] == '=';
		bool brk = mail_undo_escape_break(text, i);

		if (brk && mail_undo_escape_break(escaped, k)) {
			i++;
			k += 2;
			continue;
		}
		/* A line end stands for itself unless told. */
		if (brk ? real : real != mail_undo_escape_is(s, text, i)) {
			buf_varint(&list, i - last);
			last = i;
			n++;
		}
		k += real ? 3 : 1;
	}
	if (n <= max) {
		buf_varint(out, n);
		buf_addv(out, buf_view(&list));
	}
	buf_fini(&list);
	return n <= max ? 0 : -1;
}

/* The fixes that a policy needs, as they are stored; -1: too many. */
static int
break_fixes(const struct mail_undo_wrap *w, struct view escaped,
    struct view breaks, size_t max, struct buf *out)
{
	struct buf list = { 0 };
	size_t from = 0, line = 0, last = 0, n = 0, column = 0, b = 0;
	size_t nbreaks = breaks.n / sizeof(size_t);

	while (n <= max) {
		ptrdiff_t cr = view_find(view_skip(escaped, from),
		    VIEW("\r\n"));
		size_t end = cr < 0 ? escaped.n : from + (size_t)cr;
		size_t at = SIZE_MAX;

		for (;; line++) {
			size_t want = mail_undo_wrap_end(w, escaped, from, end,
			    column);

			if (b < nbreaks)
				memcpy(&at, breaks.p + b * sizeof(at),
				    sizeof(at));
			if (b >= nbreaks || at > end)
				at = MAIL_UNDO_WRAP_NONE;
			if (at != want) {
				buf_varint(&list, line - last);
				buf_varint(&list,
				    at == MAIL_UNDO_WRAP_NONE ? 0 :
				    at - from + 1);
				last = line;
				n++;
			}
			if (at == MAIL_UNDO_WRAP_NONE)
				break;
			b++;
			from = at;
			column = 0;
		}
		column = mail_undo_wrap_column(w, escaped, from, end,
		    column);
		line++;
		from = end + 2;
		if (end == escaped.n)
			break;
	}
	if (n <= max) {
		buf_varint(out, n);
		buf_addv(out, buf_view(&list));
	}
	buf_fini(&list);
	return n <= max ? (int)n : -1;
}

/* Columns that no line of the part reached may still be used by the encoder:
 * its limits are those of the longest lines. */
static void
complete_widths(struct mail_undo_wrap *w)
{
	unsigned soft = w->soft[0] > w->soft[1] ? w->soft[0] : w->soft[1];
	int i;

	for (i = 0; i < 2; i++) {
		if (soft < 4)
			w->soft[i] = MAIL_UNDO_WRAP_WIDTH_MAX;
		else if (w->soft[i] + 3 < soft)
			w->soft[i] = soft;
		if (w->hard[i] < w->soft[i])
			w->hard[i] = w->soft[i];
	}
}

/* The policy with the fewest fixes; the one that served last is tried first
 * and taken where it needs none.  Undoing belongs to the loop alone. */
static int
choose_policy(struct mail_undo_wrap *chosen, struct view escaped,
    struct view breaks, size_t max, struct buf *fixes)
{
	static enum mail_undo_wrap_policy hint;
	enum mail_undo_wrap_policy first = hint;
	struct mail_undo_wrap w = *chosen;
	int best = -1, i;

	complete_widths(&w);
	for (i = 0; i < MAIL_UNDO_WRAP_N && best != 0; i++) {
		struct buf mine = { 0 };
		int n;

		w.policy = i == 0 ? first : (int)first >= i ?
		    (enum mail_undo_wrap_policy)(i - 1) :
		    (enum mail_undo_wrap_policy)i;
		n = break_fixes(&w, escaped, breaks,
		    best < 0 ? max : (size_t)best, &mine);
		if (n >= 0 && (best < 0 || n < best)) {
			best = n;
			hint = w.policy;
			*chosen = w;
			buf_swap(fixes, &mine);
		}
		buf_fini(&mine);
	}
	return best;
}

/* What the encoder did, all of it, as parameters. */
static int
analyse(struct guess *g, struct mail_scratch *m, const unsigned seen[256],
    size_t max, struct buf *head)
{
	struct mail_undo_escape *s = &g->escape;
	struct view text = buf_view(&m->part), escaped = buf_view(&m->escaped);
	struct mail_undo_escape_fixes none = { .next = SIZE_MAX };
	struct buf fixes = { 0 };
	int rc = -1;

	s->run = view_find(escaped, VIEW("=20=20\r\n")) >= 0;
	buf_clear(&m->again);
	if (mail_undo_escape_text(s, text, &none, &m->again) == 0 &&
	    view_eq(buf_view(&m->again), escaped)) {
		mail_undo_escape_put(s, head);
		buf_varint(head, 0);
	} else {
		learn_map(s, text, seen);
		mail_undo_escape_put(s, head);
		if (escape_fixes(s, text, escaped, max, head))
			return -1;
	}
	if (choose_policy(&g->wrap, escaped, buf_view(&m->breaks), max,
	    &fixes) >= 0) {
		mail_undo_wrap_put(&g->wrap, head);
		buf_addv(head, buf_view(&fixes));
		rc = 0;
	}
	buf_fini(&fixes);
	return rc;
}

/* Most mail comes from the encoder that the last one came from. */
static bool
as_last_time(struct view encoded, struct mail_scratch *m, struct buf *head)
{
	struct view params = buf_view(&m->last_qp);

	if (params.n == 0)
		return false;
	buf_clear(&m->again);
	if (mail_undo_qp_redo(&params, buf_view(&m->part), encoded.n,
	    &m->again) || !view_eq(buf_view(&m->again), encoded))
		return false;
	buf_addv(head, buf_view(&m->last_qp));
	return true;
}

int
mail_undo_qp_undo(struct view encoded, struct buf *head, struct buf *text)
{
	struct mail_scratch *m = mail_scratch_get();
	unsigned seen[256] = { 0 };
	struct guess g = { .wrap = { .soft = { 0 } } };
	size_t max = FIXES_LEAST + encoded.n / 76 / LINES_PER_FIX;
	struct view whole = encoded;

	mail_undo_escape_init(&g.escape);
	buf_clear(&m->escaped);
	buf_clear(&m->breaks);
	if (view_iends(encoded, VIEW("="))) {
		g.escape.open = true;
		encoded.n--;
	}
	if (unwrap(encoded, &g.wrap, &m->escaped, &m->breaks) ||
	    unescape(buf_view(&m->escaped), &g.escape, seen, text))
		return -1;
	if (as_last_time(whole, m, head))
		return 1;
	if (analyse(&g, m, seen, max, head))
		return -1;
	/* What needs fixes will need other ones next time. */
	if (head->n <= LAST_MAX) {
		buf_clear(&m->last_qp);
		buf_addv(&m->last_qp, buf_view(head));
	}
	return 0;
}

/* --- done again ----------------------------------------------------------- */
/* 1: a fix says where this line of output ends; 0: none does. */
static int
fixed_end(struct mail_undo_escape_fixes *f, size_t line, size_t from,
    size_t end, size_t *at)
{
	uint64_t n;

	if (f->next != line)
		return 0;
	if (buf_get_varint(f->head, &n) || n > end - from + 1)
		return -1;
	*at = n ? from + (size_t)n - 1 : MAIL_UNDO_WRAP_NONE;
	return mail_undo_escape_next(f) ? -1 : 1;
}

struct wrapping { /* of escaped text */
	struct mail_undo_wrap how;
	struct view text;
	struct mail_undo_escape_fixes fixes;
	size_t from, line, column;
};

/* The hard line that ends at end with its soft breaks. */
static int
wrap_line(struct wrapping *w, size_t end, struct buf *out)
{
	for (;; w->line++) {
		size_t at = mail_undo_wrap_end(&w->how, w->text, w->from, end,
		    w->column);
		int fixed = fixed_end(&w->fixes, w->line, w->from, end, &at);

		/* An empty line is left behind at once, or it is damage. */
		if (fixed < 0 ||
		    (at == w->from && !fixed && w->column == 0))
			return -1;
		if (at == MAIL_UNDO_WRAP_NONE)
			break;
		buf_add(out, w->text.p + w->from, at - w->from);
		buf_add(out, "=\r\n", 3);
		w->from = at;
		w->column = 0;
	}
	buf_add(out, w->text.p + w->from, end - w->from);
	w->column = mail_undo_wrap_column(&w->how, w->text, w->from, end,
	    w->column);
	w->line++;
	return 0;
}

static int
wrap_text(struct wrapping *w, size_t max_bytes, struct buf *out)
{
	size_t start = out->n;

	for (;;) {
		ptrdiff_t cr = view_find(view_skip(w->text, w->from),
		    VIEW("\r\n"));
		size_t end = cr < 0 ? w->text.n : w->from + (size_t)cr;

		if (wrap_line(w, end, out) || out->n - start > max_bytes)
			return -1;
		if (end == w->text.n)
			return w->fixes.next == SIZE_MAX ? 0 : -1;
		buf_add(out, "\r\n", 2);
		w->from = end + 2;
	}
}

int
mail_undo_qp_redo(struct view *head, struct view text, size_t max_bytes,
    struct buf *out)
{
	struct buf *escaped = &mail_scratch_get()->text;
	struct mail_undo_escape_fixes f = { .head = head };
	struct wrapping w = { .fixes = { .head = head } };
	struct mail_undo_escape s;
	int rc = -1;

	buf_clear(escaped);
	if (mail_undo_escape_get(head, &s) || buf_get_varint(head, &f.left) ||
	    mail_undo_escape_next(&f) ||
	    mail_undo_escape_text(&s, text, &f, escaped) ||
	    mail_undo_wrap_get(head, &w.how) ||
	    buf_get_varint(head, &w.fixes.left) ||
	    mail_undo_escape_next(&w.fixes))
		goto out;
	w.text = buf_view(escaped);
	rc = wrap_text(&w, max_bytes, out);
	if (s.open)
		buf_addc(out, '=');
out:
	mail_scratch_done(escaped);
	return rc;
}
