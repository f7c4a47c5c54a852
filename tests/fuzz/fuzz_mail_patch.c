#include "config.h"

#include <stdlib.h>

#include "base/buf.h"
#include "mail/patch.h"
#include "mail/undo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)                                                            \
	do {                                                                   \
		if (!(cond))                                                   \
			abort();                                               \
	} while (0)
#define MAX_BYTES 100000

static const char letter[] =
    "From: a@x.test\r\nSubject: news\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    "<p style=3D\"color:red\">Dear reader, this is the news of the week =E2=80"
    "=94=\r\n all of it.</p>\r\n--b--\r\n";

static void
content_comes_back(const struct mail_base *base, struct view content)
{
	struct buf patch = { 0 }, back = { 0 };
	struct err e;

	mail_patch_make(base, content, &patch);
	CHECK(mail_patch_apply(base, buf_view(&patch), content.n, &back, &e) ==
	    0);
	CHECK(view_eq(buf_view(&back), content));
	buf_fini(&patch);
	buf_fini(&back);
}

static void
damage_is_refused(const struct mail_base *base, struct view v)
{
	struct buf out = { 0 };
	struct err e;

	if (mail_patch_apply(base, v, MAX_BYTES, &out, &e) == 0)
		CHECK(out.n <= MAX_BYTES);
	buf_clear(&out);
	if (mail_undo_redo(v, MAX_BYTES, &out, &e) == 0)
		CHECK(out.n <= MAX_BYTES);
	buf_clear(&out);
	if (mail_base_unpack(v, MAX_BYTES, &out, &e) == 0)
		CHECK(out.n <= MAX_BYTES);
	buf_fini(&out);
}

/* The first octet tells whether the rest is a content or stored bytes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf plain = { 0 };
	struct mail_base *base;
	struct view v;

	if (size == 0)
		return 0;
	v = view_of(data + 1, size - 1);
	mail_patch_plain(view_str(letter), &plain);
	base = mail_base_new(buf_view(&plain));
	if (data[0] & 1) {
		damage_is_refused(base, v);
	} else {
		content_comes_back(base, v);
		content_comes_back(NULL, v);
	}
	mail_base_unref(&base);
	buf_fini(&plain);
	return 0;
}
