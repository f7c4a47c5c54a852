#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>

#include "base/buf.h"
#include "base/rand.h"
#include "mail/base.h"
#include "mail/patch.h"
#include "tests/unit/seeds.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* --- encoders, as clients have them ------------------------------------- */

static void
encode_b64(struct view v, struct buf *out)
{
	static const char l[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t i, col = 0;

	for (i = 0; i < v.n; i += 3) {
		unsigned char p[3] = { 0 };
		size_t n = v.n - i < 3 ? v.n - i : 3;

		memcpy(p, v.p + i, n);
		buf_addc(out, l[p[0] >> 2]);
		buf_addc(out, l[(p[0] & 3) << 4 | p[1] >> 4]);
		buf_addc(out, n > 1 ? l[(p[1] & 15) << 2 | p[2] >> 6] : '=');
		buf_addc(out, n > 2 ? l[p[2] & 63] : '=');
		if ((col += 4) == 76) {
			buf_adds(out, "\r\n");
			col = 0;
		}
	}
	if (col)
		buf_adds(out, "\r\n");
}

/* reserve: columns kept free for "=" also before a hard line end; extra:
 * characters escaped without need. */
static void
encode_qp(struct view v, size_t width, size_t reserve, const char *extra,
    struct buf *out)
{
	size_t i, col = 0;

	for (i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		bool eol = i + 1 == v.n || v.p[i + 1] == '\r';
		bool esc = c == '=' || c > 126 || c < 32 || strchr(extra, c) ||
		    (c == ' ' && eol);

		if (c == '\r' && i + 1 < v.n && v.p[i + 1] == '\n') {
			buf_adds(out, "\r\n");
			col = 0;
			i++;
			continue;
		}
		if (col + (esc ? 3 : 1) + (eol ? reserve : 1) > width) {
			buf_adds(out, "=\r\n");
			col = 0;
		}
		if (esc)
			buf_addf(out, "=%02X", c);
		else
			buf_addc(out, (char)c);
		col += esc ? 3 : 1;
	}
	buf_adds(out, "\r\n");
}

/* --- a personalised newsletter ---------------------------------------------- */

static void
newsletter(unsigned seq, struct buf *body)
{
	static const char *const words[] = { "printemps", "d\xc3\xa9"
							  "couvrir",
		"offre", "livraison", "boutique", "mati\xc3\xa8re", "jardin",
		"couleur", "s\xc3\xa9lection", "=", "cadeau" };
	static const char *const names[] = { "Zo\xc3\xa9", "Anne-Sophie",
		"Maximilien", "L\xc3\xa9"
			      "a" };
	uint64_t r = seq * UINT64_C(0x9e3779b97f4a7c15) + 1;
	unsigned block, w;

	for (block = 0; block < 60; block++) {
		if (block % 20 == 0)
			buf_addf(body, "<p>Bonjour %s %c%u</p>\r\n",
			    names[r % 4], 'A' + (int)(r % 26), seq % 977);
		buf_addf(body, "<tr><td style=\"padding:%upx\">", block * 7);
		for (w = 0; w < 60; w++)
			buf_addf(body, "%s ", words[(block * 31 + w * 7 +
						    block * w) % N(words)]);
		if (block % 3 == 0) {
			buf_adds(body, "<a href=\"https://t.test/c/");
			for (w = 0; w < 16; w++) {
				r = r * 6364136223846793005u + 1442695040888963407u;
				buf_addc(body,
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
				    "qrstuvwxyz0123456789-_"[r >> 58]);
			}
			buf_adds(body, "?u=1\">ici</a>");
		}
		buf_adds(body, "</td></tr>\r\n");
	}
}

enum encoding { E_8BIT, E_B64, E_QP_76, E_QP_RESERVE, E_QP_EXTRA, E_N };

static const char *const encoding_name[E_N] = { "8bit", "base64",
	"quoted-printable", "quoted-printable, reserve",
	"quoted-printable, more escapes" };

static void
message(unsigned seq, enum encoding enc, struct buf *out)
{
	struct buf body = { 0 };
	struct view v;

	newsletter(seq, &body);
	v = buf_view(&body);
	buf_addf(out, "From: a@x.test\r\nTo: u%u@y.test\r\nSubject: x\r\n"
		      "Message-ID: <%u@x.test>\r\nMIME-Version: 1.0\r\n"
		      "Content-Type: multipart/alternative; boundary=b1\r\n\r\n"
		      "--b1\r\nContent-Type: text/plain\r\n\r\nhello %u\r\n"
		      "--b1\r\nContent-Type: text/html; charset=utf-8\r\n"
		      "Content-Transfer-Encoding: %s\r\n\r\n",
	    seq, seq, seq,
	    enc == E_8BIT	 ? "8bit"
		: enc == E_B64 ? "Base64"
			       : "quoted-printable");
	switch (enc) {
	case E_8BIT:
		buf_addv(out, v);
		break;
	case E_B64:
		encode_b64(v, out);
		break;
	case E_QP_76:
		encode_qp(v, 76, 0, "", out);
		break;
	case E_QP_RESERVE:
		encode_qp(v, 75, 1, "", out);
		break;
	case E_QP_EXTRA:
		encode_qp(v, 76, 0, "!\"#$@[]^`{|}~", out);
		break;
	case E_N:
		break;
	}
	buf_adds(out, "--b1--\r\n");
	buf_fini(&body);
}

static struct mail_base *
campaign_base(enum encoding enc)
{
	struct buf a = { 0 }, b = { 0 }, pa = { 0 }, pb = { 0 }, both = { 0 };
	struct mail_base *base;

	message(1, enc, &a);
	message(2, enc, &b);
	mail_patch_plain(buf_view(&a), &pa);
	mail_patch_plain(buf_view(&b), &pb);
	mail_patch_common(buf_view(&pa), buf_view(&pb), &both);
	base = mail_base_new(buf_view(&both));
	buf_fini(&a);
	buf_fini(&b);
	buf_fini(&pa);
	buf_fini(&pb);
	buf_fini(&both);
	return base;
}

static size_t
round_trip(const struct mail_base *base, struct view content)
{
	struct buf patch = { 0 }, back = { 0 };
	struct err e;
	size_t n;

	mail_patch_make(base, content, &patch);
	assert_int_equal(mail_patch_apply(base, buf_view(&patch), content.n,
			     &back, &e),
	    0);
	assert_true(view_eq(buf_view(&back), content));
	if (content.n > 1) {
		buf_clear(&back);
		assert_int_equal(mail_patch_apply(base, buf_view(&patch),
				     content.n - 1, &back, &e),
		    -1);
	}
	n = patch.n;
	buf_fini(&patch);
	buf_fini(&back);
	return n;
}

/* The names and 20 tokens of 16 characters hold about 260 octets of news. */
static void
campaign_patches_are_small(void **st)
{
	int enc;
	unsigned i;

	(void)st;
	for (enc = 0; enc < E_N; enc++) {
		struct mail_base *base = campaign_base((enum encoding)enc);
		size_t sum = 0, whole = 0;

		for (i = 10; i < 60; i++) {
			struct buf m = { 0 };

			message(i, (enum encoding)enc, &m);
			whole += m.n;
			sum += round_trip(base, buf_view(&m));
			buf_fini(&m);
		}
		print_message("# %s: %zu octets become %zu\n",
		    encoding_name[enc], whole / 50, sum / 50);
		assert_true(sum / 50 < 520);
		mail_base_unref(&base);
	}
}

static void
odd_contents_come_back(void **st)
{
	static const char *const rows[] = { "", "x", "\r\n", "no header",
		"A: b\r\n\r\n",
		"Content-Transfer-Encoding: base64\r\n\r\n",
		"A: b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=AAA\r\n",
		"A: b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
		"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=\r\n\r\n\r\n",
		"A: b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
		"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVp=\r\n",
		"A: b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
		"caf=c3=a9 lower case hex is not ours to write .......\r\n",
		"A: b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
		"=0D=0A an encoded line end, twice over =0D=0A=0D=0A ..\r\n",
		"A: b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
		"soft break at the very end of the part here ......... =\r\n",
		"A: b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
		"=2E dot line\r\n.=2E\r\ntrailing=20\r\n=\r\n-- \r\nsign\r\n",
		"A: b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
		"=\r\n=\r\n=\r\n=\r\n=\r\n=\r\n=\r\n=\r\n=\r\n=\r\n=\r\n" };
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++)
		round_trip(NULL, view_str(rows[i]));
}

static void
mutated_contents_come_back(void **st)
{
	unsigned i, k;

	(void)st;
	rand_seed(3);
	for (i = 0; i < 1000; i++) {
		struct mail_base *base = NULL;
		struct buf m = { 0 };

		message(i, (enum encoding)(i % E_N), &m);
		for (k = 0; k < i % 7; k++)
			m.mem[rand_below((uint32_t)m.n)] = (char)rand_u64();
		if (i % 3)
			buf_cut(&m, rand_below((uint32_t)m.n) + 1);
		if (i % 2) {
			struct buf plain = { 0 };

			mail_patch_plain(buf_view(&m), &plain);
			base = mail_base_new(buf_view(&plain));
			buf_fini(&plain);
		}
		round_trip(base, buf_view(&m));
		mail_base_unref(&base);
		buf_fini(&m);
	}
}

static void
damaged_patches_are_refused(void **st)
{
	struct buf m = { 0 }, patch = { 0 };
	struct mail_base *base = campaign_base(E_QP_76);
	unsigned i;

	(void)st;
	rand_seed(5);
	message(77, E_QP_76, &m);
	mail_patch_make(base, buf_view(&m), &patch);
	for (i = 0; i < 5000; i++) {
		struct buf bad = { 0 }, back = { 0 };
		struct err e;

		buf_addv(&bad, buf_view(&patch));
		bad.mem[rand_below((uint32_t)bad.n)] ^= (char)(1 + rand_below(255));
		if (i % 4 == 0)
			buf_cut(&bad, rand_below((uint32_t)bad.n));
		if (mail_patch_apply(base, buf_view(&bad), 200000, &back,
			&e) == 0)
			assert_true(back.n <= 200000);
		buf_fini(&bad);
		buf_fini(&back);
	}
	mail_base_unref(&base);
	buf_fini(&m);
	buf_fini(&patch);
}

static void
bases_are_packed(void **st)
{
	struct buf packed = { 0 }, back = { 0 }, m = { 0 };
	struct err e;

	(void)st;
	message(1, E_8BIT, &m);
	mail_base_pack(buf_view(&m), &packed);
	assert_true(packed.n < m.n / 4);
	assert_int_equal(mail_base_unpack(buf_view(&packed), m.n, &back, &e),
	    0);
	assert_true(view_eq(buf_view(&back), buf_view(&m)));
	assert_int_equal(mail_base_unpack(buf_view(&packed), m.n - 1, &back,
			     &e),
	    -1);
	assert_int_equal(mail_base_unpack(view_head(buf_view(&packed), 40),
			     m.n, &back, &e),
	    -1);
	buf_fini(&packed);
	buf_fini(&back);
	buf_fini(&m);
}

/* Spans that only one of the two has are no part of the base. */
static void
base_keeps_nothing_personal(void **st)
{
	struct buf out = { 0 };

	(void)st;
	mail_patch_common(
	    VIEW("Dear customer of the shop: Marie-Antoinette Bernadotte-"
		 "Lorraine, welcome to the sale of the year"),
	    VIEW("Dear customer of the shop: Jean Dupont, welcome to the "
		 "sale of the year"),
	    &out);
	assert_true(view_find(buf_view(&out), VIEW("of the shop: ")) > 0);
	assert_true(view_find(buf_view(&out), VIEW(", welcome to")) > 0);
	assert_int_equal(view_find(buf_view(&out), VIEW("Marie")), -1);
	assert_int_equal(view_find(buf_view(&out), VIEW("Lorraine")), -1);
	assert_int_equal(view_find(buf_view(&out), VIEW("Dupont")), -1);
	buf_fini(&out);
}

static void
read_crlf(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "re");
	int c, last = 0;

	if (f == NULL)
		return;
	while ((c = getc(f)) != EOF && out->n < 400000) {
		if (c == '\n' && last != '\r')
			buf_addc(out, '\r');
		buf_addc(out, (char)c);
		last = c;
	}
	fclose(f);
}

static unsigned
corpus_folder(const char *folder)
{
	struct mail_base *base = campaign_base(E_8BIT);
	const char *srcdir = getenv("srcdir");
	char dir[512], path[1024];
	struct dirent *d;
	unsigned n = 0;
	DIR *h;

	snprintf(dir, sizeof(dir), "%s/../shared/corpora/%s",
	    srcdir ? srcdir : ".", folder);
	if (getenv("FACTEUR_CORPORA"))
		snprintf(dir, sizeof(dir), "%s/%s", getenv("FACTEUR_CORPORA"),
		    folder);
	h = opendir(dir);
	while (h && (d = readdir(h))) {
		struct buf m = { 0 };

		snprintf(path, sizeof(path), "%s/%s", dir, d->d_name);
		if (d->d_name[0] == '.')
			continue;
		read_crlf(path, &m);
		round_trip(n % 2 ? base : NULL, buf_view(&m));
		buf_fini(&m);
		n++;
	}
	if (h)
		closedir(h);
	mail_base_unref(&base);
	return n;
}

static void
real_mails_come_back(void **st)
{
	unsigned n = corpus_folder("mails") + corpus_folder("dsn") +
	    corpus_folder("handmade") + corpus_folder("newsletters/mjml") +
	    corpus_folder("newsletters/foundation");

	(void)st;
	if (n == 0) {
		print_message("# the corpora are absent\n");
		skip();
	}
	print_message("# %u real mails came back\n", n);
	assert_true(n > 100);
}

static void
seeds(void **st)
{
	(void)st;
	assert_true(seeds_replay("tests/seeds/mail_patch") >= 8);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(campaign_patches_are_small),
		cmocka_unit_test(odd_contents_come_back),
		cmocka_unit_test(mutated_contents_come_back),
		cmocka_unit_test(damaged_patches_are_refused),
		cmocka_unit_test(bases_are_packed),
		cmocka_unit_test(base_keeps_nothing_personal),
		cmocka_unit_test(real_mails_come_back),
		cmocka_unit_test(seeds),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
