#include "config.h"
#include "mail/encode.h"

#include <string.h>

#include "mail/header.h"

#define DEPTH_MAX 16
#define LINE_MAX 76 /* RFC 2045 6.7 */

struct part { /* one entity: header and body, views into the content */
	struct view header; /* with the empty line */
	struct view body;
};

static int encode_part(struct view entity, int depth, struct buf *out,
    struct err *e);

static struct part
split(struct view entity)
{
	size_t n = mail_header_bytes(entity);

	return (struct part){ view_head(entity, n), view_skip(entity, n) };
}

/* Value of a parameter of Content-Type, quotes taken off; -1: none. */
static int
parameter(struct view value, struct view name, struct buf *out)
{
	while (value.p) {
		struct view p = view_trim(view_cut(&value, ';')), v = p;
		struct view key = view_trim(view_cut(&v, '='));

		if (v.p == NULL || !view_ieq(key, name))
			continue;
		v = view_trim(v);
		if (v.n > 1 && v.p[0] == '"' && v.p[v.n - 1] == '"')
			v = view_head(view_skip(v, 1), v.n - 2);
		buf_addv(out, v);
		return v.n ? 0 : -1;
	}
	return -1;
}

/* Quoted-printable keeps text readable; soft breaks at the line limit. */
static void
quote(struct view body, struct buf *out)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t i, col = 0;

	for (i = 0; i < body.n; i++) {
		unsigned char c = (unsigned char)body.p[i];
		bool eol = i + 1 == body.n ||
		    (body.p[i + 1] == '\r' && i + 2 < body.n &&
			body.p[i + 2] == '\n');
		bool plain = (c > 32 && c < 127 && c != '=') ||
		    ((c == ' ' || c == '\t') && !eol);

		if (c == '\r' && i + 1 < body.n && body.p[i + 1] == '\n') {
			buf_adds(out, "\r\n");
			col = 0;
			i++;
			continue;
		}
		if (col + (plain ? 1 : 3) > LINE_MAX - 1) {
			buf_adds(out, "=\r\n");
			col = 0;
		}
		if (plain) {
			buf_addc(out, (char)c);
			col++;
		} else {
			buf_addc(out, '=');
			buf_addc(out, hex[c >> 4]);
			buf_addc(out, hex[c & 15]);
			col += 3;
		}
	}
}

/* The header with its transfer encoding replaced. */
static int
put_header(struct view header, const char *encoding, struct buf *out,
    struct err *e)
{
	static const struct view name = { "Content-Transfer-Encoding", 25 };
	struct view at = header;
	struct mail_field f;
	int rc;

	while ((rc = mail_header_next(&at, &f)) == 1) {
		struct view was = view_trim(f.value);

		if (!view_ieq(f.name, name))
			buf_addv(out, f.raw);
		else if (view_ieq(was, VIEW("quoted-printable")) ||
		    view_ieq(was, VIEW("base64")))
			return err_set(e, "8-bit text in an encoded part");
	}
	if (rc < 0)
		return err_set(e, "the header of a part is broken");
	if (out->n && buf_ptr(out)[out->n - 1] != '\n')
		buf_adds(out, "\r\n");
	buf_addf(out, "Content-Transfer-Encoding: %s\r\n\r\n", encoding);
	return 0;
}

/* Another boundary may begin with the same letters. */
static bool
ends_delimiter(struct view v)
{
	return v.n == 0 || v.p[0] == ' ' || v.p[0] == '\t' ||
	    view_starts(v, VIEW("\r\n")) || view_starts(v, VIEW("--"));
}

/* The parts between the delimiter lines, each one encoded; what is before the
 * first and after the last stays (RFC 2046 5.1). */
static int
encode_multipart(const struct part *p, struct view boundary, int depth,
    struct buf *out, struct err *e)
{
	struct buf delimiter = { 0 };
	struct view rest = p->body;
	int rc = -1;
	bool inside = false;

	buf_adds(&delimiter, "--");
	buf_addv(&delimiter, boundary);
	while (rest.n) {
		struct view scan = rest, piece;
		ptrdiff_t at;
		size_t n = 0;

		/* The next delimiter that begins a line. */
		while ((at = view_find(scan, buf_view(&delimiter))) >= 0) {
			n += (size_t)at;
			if ((n == 0 || rest.p[n - 1] == '\n') &&
			    ends_delimiter(view_skip(rest, n + delimiter.n)))
				break;
			n += delimiter.n;
			scan = view_skip(rest, n);
		}
		piece = at < 0 ? rest : view_head(rest, n);
		if (!inside || at < 0) {
			if (mail_header_8bit(piece)) {
				err_set(e, "8-bit text outside of the parts");
				goto out;
			}
			buf_addv(out, piece);
		} else if (encode_part(piece, depth + 1, out, e)) {
			goto out;
		}
		if (at < 0)
			break;
		rest = view_skip(rest, n);
		at = view_find(rest, VIEW("\r\n"));
		piece = at < 0 ? rest : view_head(rest, (size_t)at + 2);
		if (mail_header_8bit(piece)) {
			err_set(e, "8-bit text outside of the parts");
			goto out;
		}
		buf_addv(out, piece);
		inside = !view_starts(view_skip(piece, delimiter.n),
		    VIEW("--"));
		rest = view_skip(rest, piece.n);
	}
	rc = 0;
out:
	buf_fini(&delimiter);
	return rc;
}

static int
encode_part(struct view entity, int depth, struct buf *out, struct err *e)
{
	struct part p = split(entity);
	struct buf type = { 0 }, boundary = { 0 };
	struct mail_field f;
	int rc = -1;

	if (!mail_header_8bit(entity)) {
		buf_addv(out, entity);
		return 0;
	}
	if (mail_header_8bit(p.header) || depth > DEPTH_MAX) {
		err_set(e, depth > DEPTH_MAX ? "parts are nested too deep"
					     : "the header has 8-bit text");
		return -1;
	}
	if (mail_header_find(p.header, VIEW("Content-Type"), &f))
		mail_header_unfold(f.value, &type);
	if (view_istarts(buf_view(&type), VIEW("multipart/signed")) ||
	    view_istarts(buf_view(&type), VIEW("message/"))) {
		err_set(e, "a %s part may not be encoded", buf_str(&type));
	} else if (view_istarts(buf_view(&type), VIEW("multipart/"))) {
		if (parameter(buf_view(&type), VIEW("boundary"), &boundary)) {
			err_set(e, "a multipart without boundary");
			goto out;
		}
		if (put_header(p.header, "7bit", out, e))
			goto out;
		rc = encode_multipart(&p, buf_view(&boundary), depth, out, e);
	} else {
		rc = put_header(p.header, "quoted-printable", out, e);
		if (rc == 0)
			quote(p.body, out);
	}
out:
	buf_fini(&type);
	buf_fini(&boundary);
	return rc;
}

int
mail_encode_7bit(struct view content, struct buf *out, struct err *e)
{
	return encode_part(content, 0, out, e);
}
