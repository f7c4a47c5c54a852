#include "config.h"

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <dkim.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/clock.h"
#include "base/mem.h"
#include "mail/dkim.h"
#include "mail/ed25519.h"
#include "mail/header.h"
#include "mail/pem.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

static char dir[] = "/tmp/facteur-dkim-XXXXXX";
static struct mail_dkim *keys; /* rsa and ed25519 of example.org */

static char *
path_of(const char *name)
{
	return mem_printf("%s/%s", dir, name);
}

static char *
make_key(const char *name, int type, int bits)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_id(type, NULL);
	EVP_PKEY *k = NULL;
	char *path = path_of(name);
	FILE *f = fopen(path, "w");

	assert_int_equal(EVP_PKEY_keygen_init(c), 1);
	if (type == EVP_PKEY_RSA)
		EVP_PKEY_CTX_set_rsa_keygen_bits(c, bits);
	assert_int_equal(EVP_PKEY_keygen(c, &k), 1);
	PEM_write_PrivateKey(f, k, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	EVP_PKEY_free(k);
	EVP_PKEY_CTX_free(c);
	return path;
}

static void
add(struct mail_dkim *d, const char *domain, const char *sel, char *path,
    const char *tenant)
{
	struct mail_dkim_row row = { .domain = domain, .selector = sel,
		.key_file = path, .tenant = tenant };
	struct err e;

	if (mail_dkim_add(d, &row, &e))
		fail_msg("%s", e.text);
	unlink(path);
	free(path);
}

static int
setup(void **st)
{
	struct err e;

	(void)st;
	assert_non_null(mkdtemp(dir));
	keys = mail_dkim_new(&e);
	assert_non_null(keys);
	add(keys, "Example.ORG", "r", make_key("r", EVP_PKEY_RSA, 2048), NULL);
	add(keys, "example.org", "e", make_key("e", EVP_PKEY_ED25519, 0),
	    NULL);
	add(keys, "sub.example.org", "s", make_key("s", EVP_PKEY_RSA, 1024),
	    "acme");
	return 0;
}

static int
teardown(void **st)
{
	(void)st;
	mail_dkim_free(&keys);
	return rmdir(dir);
}

/* --- who signs ------------------------------------------------------------ */
static void
keys_chosen(void **st)
{
	static const struct {
		const char *tenant, *from;
		int want;
		const char *has;
	} rows[] = { { "x", "example.org", 2, "d=example.org;" },
		{ "x", "a.b.example.org", 2, "d=example.org;" },
		{ "acme", "sub.example.org", 1, "d=sub.example.org;" },
		{ "acme", "x.sub.example.org", 1, "d=sub.example.org;" },
		{ "x", "sub.example.org", 2, "d=example.org;" },
		{ NULL, "sub.example.org", 2, "d=example.org;" },
		{ "x", "notexample.org", 0, NULL },
		{ "x", "org", 0, NULL },
		{ "x", "", 0, NULL } };
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		struct buf sig = { 0 };
		struct err e;

		assert_int_equal(mail_dkim_sign(keys, rows[i].tenant,
		    rows[i].from, VIEW("From: a@example.org\r\n\r\nx\r\n"),
		    &sig, &e), rows[i].want);
		if (rows[i].has)
			assert_non_null(strstr(buf_str(&sig), rows[i].has));
		buf_fini(&sig);
	}
	assert_string_equal(mail_dkim_name(mail_dkim_at(keys, 0)),
	    "r._domainkey.example.org");
	assert_null(mail_dkim_at(keys, 3));
}

static void
bad_rows(void **st)
{
	char *small = make_key("small", EVP_PKEY_RSA, 768);
	char *ec = make_key("ed", EVP_PKEY_ED25519, 0);
	char *junk = path_of("junk"), *none = path_of("none");
	char star[] = "x-*", to[] = "to";
	char *stars[] = { star }, *tos[] = { to };
	const struct {
		struct mail_dkim_row row;
		const char *why;
	} rows[] = {
		{ { "a.org", "s", small, NULL, NULL, 0, NULL, 0 }, "768" },
		{ { "a.org", "s", none, NULL, NULL, 0, NULL, 0 }, "No such" },
		{ { "a.org", "s", junk, NULL, NULL, 0, NULL, 0 }, "PEM" },
		{ { "a.org", "s", NULL, NULL, NULL, 0, NULL, 0 }, "path" },
		{ { "a..org", "s", ec, NULL, NULL, 0, NULL, 0 }, "domain" },
		{ { "a.org", "s t", ec, NULL, NULL, 0, NULL, 0 }, "selector" },
		{ { "a.org", "", ec, NULL, NULL, 0, NULL, 0 }, "selector" },
		{ { "a.org", "s", ec, NULL, stars, 1, NULL, 0 }, "x-*" },
		{ { "a.org", "s", ec, NULL, tos, 1, NULL, 0 }, "From" },
	};
	struct mail_dkim *d = mail_dkim_new(NULL);
	FILE *f = fopen(junk, "w");
	size_t i;

	(void)st;
	fputs("-----BEGIN PRIVATE KEY-----\nAAAA\n", f);
	fclose(f);
	for (i = 0; i < N(rows); i++) {
		struct err e = { "" };

		assert_int_equal(mail_dkim_add(d, &rows[i].row, &e), -1);
		if (strstr(e.text, rows[i].why) == NULL)
			fail_msg("row %zu: %s", i, e.text);
	}
	assert_null(mail_dkim_at(d, 0));
	mail_dkim_free(&d);
	unlink(small), unlink(ec), unlink(junk);
	free(small), free(ec), free(junk), free(none);
}

/* --- verified by libopendkim ---------------------------------------------- */
static DKIM_CBSTAT
give_key(DKIM *h, DKIM_SIGINFO *sig, unsigned char *out, size_t n)
{
	const char *name = (const char *)dkim_sig_getselector(sig);
	size_t i;

	(void)h;
	for (i = 0; mail_dkim_at(keys, i); i++) {
		const char *full = mail_dkim_name(mail_dkim_at(keys, i));
		struct buf p = { 0 };

		if (strncmp(full, name, strlen(name)) != 0)
			continue;
		mail_dkim_public(mail_dkim_at(keys, i), &p);
		snprintf((char *)out, n, "v=DKIM1; k=%s; p=%s",
		    *name == 'e' ? "ed25519" : "rsa", buf_str(&p));
		buf_fini(&p);
		return DKIM_CBSTAT_CONTINUE;
	}
	return DKIM_CBSTAT_NOTFOUND;
}

/* The number of signatures that pass, by libopendkim. */
static int
verified(struct view sigs, struct view message)
{
	DKIM_LIB *lib = dkim_init(NULL, NULL);
	struct buf all = { 0 };
	DKIM_SIGINFO **v;
	DKIM_STAT st;
	DKIM *h;
	int n = 0, i, good = 0;

	dkim_set_key_lookup(lib, give_key);
	buf_addv(&all, sigs);
	buf_addv(&all, message);
	if (message.p[message.n - 1] != '\n') /* as the end of data does */
		buf_adds(&all, "\r\n");
	h = dkim_verify(lib, (const unsigned char *)"v", NULL, &st);
	assert_non_null(h);
	dkim_chunk(h, (unsigned char *)buf_ptr(&all), all.n);
	dkim_chunk(h, NULL, 0);
	dkim_eom(h, NULL);
	assert_int_equal(dkim_getsiglist(h, &v, &n), DKIM_STAT_OK);
	for (i = 0; i < n; i++) {
		dkim_sig_process(h, v[i]);
		if ((dkim_sig_getflags(v[i]) & DKIM_SIGFLAG_PASSED) &&
		    dkim_sig_getbh(v[i]) == DKIM_SIGBH_MATCH)
			good++;
	}
	dkim_free(h);
	dkim_close(lib);
	buf_fini(&all);
	return good;
}

static const char *const nasty[] = {
	"From: a@example.org\r\n\r\n",
	"From: a@example.org\r\n\r\nno final line end",
	"From: a@example.org\r\n\r\n\r\n\r\n",
	"From: a@example.org\r\n\r\n \r\n\t\r\n",
	"From: a@example.org\r\n\r\nx\r\n\r\n\r\n",
	"From: a@example.org\r\n\r\n..\r\n.\r\n. x\r\n",
	"From: a@example.org\r\n\r\n  a \t b \r\n\tc\t\r\n",
	"From: \xc3\xa4 <a@example.org>\r\n\r\n\xc3\xa4\xff\r\n",
	"From: a@example.org\r\nSubject: a\r\n \t b\r\n\r\nx\r\n",
	"FROM:a@example.org\r\nSubject:\r\nTo:  \r\n x\r\n\r\nx\r\n",
	"From: a@example.org\r\nTo: a\r\nTo: b\r\nCc: c\r\n\r\nx\r\n",
	"From : a@example.org\r\nX: y\r\nList-Unsubscribe: <https://x/>\r\n"
	"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
	"Feedback-ID: 1:2:3:4\r\nMIME-Version: 1.0\r\n\r\nx\r\n",
};

static void
libopendkim_verifies(void **st)
{
	struct buf big = { 0 };
	size_t i;

	(void)st;
	for (i = 0; i < N(nasty) + 1; i++) {
		struct view m = i < N(nasty) ? view_str(nasty[i]) :
					       (struct view){ NULL, 0 };
		struct buf sig = { 0 };
		struct err e = { "" };

		if (m.p == NULL) { /* very long lines */
			buf_adds(&big, "From: a@example.org\r\n\r\n");
			while (big.n < 100000)
				buf_adds(&big, "0123456789  ");
			m = buf_view(&big);
		}
		if (mail_dkim_sign(keys, "x", "example.org", m, &sig, &e) != 2)
			fail_msg("%zu: %s", i, e.text);
		if (verified(buf_view(&sig), m) != 2)
			fail_msg("row %zu: %s%.200s", i, buf_str(&sig), m.p);
		assert_null(strstr(buf_str(&sig), "l="));
		buf_fini(&sig);
	}
	buf_fini(&big);
}

/* --- verified by dkimpy --------------------------------------------------- */
static const char verifier[] =
    "import sys, dkim\n"
    "keys = dict(l.rstrip('\\n').split('\\t') for l in open(sys.argv[1]))\n"
    "def txt(name, timeout=5):\n"
    "    n = name.decode() if isinstance(name, bytes) else name\n"
    "    return keys[n.rstrip('.')].encode()\n"
    "bad = 0\n"
    "for p in sys.argv[2:]:\n"
    "    d = dkim.DKIM(open(p, 'rb').read(), minkey=1024)\n"
    "    for i in (0, 1):\n"
    "        if not d.verify(idx=i, dnsfunc=txt):\n"
    "            bad += 1\n"
    "sys.exit(1 if bad else 0)\n";

static void
write_file(const char *path, struct view a, struct view b)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fwrite(a.p, 1, a.n, f);
	if (b.n)
		fwrite(b.p, 1, b.n, f);
	fclose(f);
}

static int
run(char *const *argv)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
dkimpy_verifies(void **st)
{
	static char python[] = "/usr/bin/python3";
	char *argv[N(nasty) + 5] = { python, path_of("v.py"),
		path_of("keys") };
	struct buf table = { 0 };
	size_t i, n = 3;

	(void)st;
	for (i = 0; i < 2; i++) {
		buf_addf(&table, "%s\tv=DKIM1; k=%s; p=",
		    mail_dkim_name(mail_dkim_at(keys, i)),
		    i ? "ed25519" : "rsa");
		mail_dkim_public(mail_dkim_at(keys, i), &table);
		buf_addc(&table, '\n');
	}
	write_file(argv[1], view_str(verifier), VIEW(""));
	write_file(argv[2], buf_view(&table), VIEW(""));
	for (i = 0; i < N(nasty); i++) {
		struct buf sig = { 0 };
		char name[20];

		/* dkimpy takes no blank before the colon. */
		if (strstr(nasty[i], "From :"))
			continue;
		assert_int_equal(mail_dkim_sign(keys, "x", "example.org",
		    view_str(nasty[i]), &sig, NULL), 2);
		snprintf(name, sizeof(name), "m%zu", i);
		argv[n] = path_of(name);
		write_file(argv[n++], buf_view(&sig), view_str(nasty[i]));
		buf_fini(&sig);
	}
	assert_int_equal(run(argv), 0);
	for (i = 1; i < n; i++) {
		unlink(argv[i]);
		free(argv[i]);
	}
	buf_fini(&table);
}

/* --- RFC 8463 appendix A -------------------------------------------------- */
static void
rfc8463_example(void **st)
{
	static const char message[] =
	    "From: Joe SixPack <joe@football.example.com>\r\n"
	    "To: Suzie Q <suzie@shopping.example.net>\r\n"
	    "Subject: Is dinner ready?\r\n"
	    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
	    "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
	    "\r\nHi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n"
	    "\r\nJoe.\r\n";
	static char from[] = "from", to[] = "to", subject[] = "subject";
	char *h[] = { from, to, subject };
	/* RFC 8463 A.2: the secret key. */
	unsigned char raw[32];
	struct mail_ed25519 k = { .domain = "football.example.com",
		.selector = "brisbane", .headers = h, .nheaders = 3,
		.oversign = h, .noversign = 1, .now_s = 1528637909 };
	struct buf a = { 0 }, b = { 0 };
	unsigned char pub[32];
	char text[64] = "";
	size_t n = 32;

	(void)st;
	EVP_DecodeBlock((unsigned char *)text,
	    (const unsigned char *)
	    "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=", 44);
	memcpy(raw, text, 32);
	k.pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw,
	    32);
	EVP_PKEY_get_raw_public_key(k.pkey, pub, &n);
	EVP_EncodeBlock((unsigned char *)text, pub, 32);
	assert_string_equal(text,
	    "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
	assert_int_equal(mail_ed25519_sign(&k, view_str(message), &a, NULL), 0);
	assert_int_equal(mail_ed25519_sign(&k, view_str(message), &b, NULL), 0);
	assert_true(view_eq(buf_view(&a), buf_view(&b)));
	assert_non_null(strstr(buf_str(&a),
	    "bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;"));
	assert_non_null(strstr(buf_str(&a), "h=from:from:to:subject;"));
	EVP_PKEY_free(k.pkey);
	buf_fini(&a);
	buf_fini(&b);
}

/* --- the whole ------------------------------------------------------------ */
static void
signed_headers(void **st)
{
	struct buf sig = { 0 };
	const char *s;

	(void)st;
	assert_int_equal(mail_dkim_sign(keys, "x", "example.org",
	    view_str(nasty[N(nasty) - 1]), &sig, NULL), 2);
	s = buf_str(&sig);
	for (int i = 0; i < 2; i++) {
		struct buf flat = { 0 };
		const char *h = strstr(s, "\th="), *end = strchr(h, ';');

		for (; h < end; h++) {
			if (!strchr(" \t\r\n", *h))
				buf_addc(&flat, *h >= 'A' && *h <= 'Z' ?
				    (char)(*h + 32) : *h);
		}
		buf_addc(&flat, ':');
		h = buf_str(&flat);
		assert_non_null(strstr(h, "list-unsubscribe:"));
		assert_non_null(strstr(h, "list-unsubscribe-post:"));
		assert_non_null(strstr(h, "feedback-id:"));
		assert_non_null(strstr(h, "mime-version:"));
		assert_null(strstr(h, "x:"));
		/* From is named once more than it is there. */
		h = strstr(h, "from:");
		assert_non_null(h);
		assert_non_null(strstr(h + 1, "from:"));
		buf_fini(&flat);
		s = strstr(end, "DKIM-Signature:");
		assert_true(i == 1 || s != NULL);
	}
	buf_fini(&sig);
}

static void
refusals(void **st)
{
	struct buf m = { 0 }, sig = { 0 };
	struct err e = { "" };
	int i;

	(void)st;
	assert_int_equal(mail_dkim_sign(keys, "x", "example.org",
	    VIEW("From: a@b\r\n\r\nx\0y\r\n"), &sig, &e), -1);
	assert_non_null(strstr(e.text, "NUL"));
	assert_int_equal(mail_dkim_sign(keys, "x", "example.org",
	    VIEW("From: a@b\r\nno field\r\n\r\nx\r\n"), &sig, &e), -1);
	assert_int_equal(mail_dkim_sign(keys, "x", "example.org", VIEW(""),
	    &sig, &e), -1);
	buf_adds(&m, "From: a@b\r\n");
	for (i = 0; i < 900; i++)
		buf_adds(&m, "References: x\r\n");
	buf_adds(&m, "\r\nx\r\n");
	assert_int_equal(mail_dkim_sign(keys, "x", "example.org",
	    buf_view(&m), &sig, &e), -1);
	assert_int_equal(sig.n, 0);
	buf_fini(&m);
	buf_fini(&sig);
}

static void
cache_is_hit(void **st)
{
	struct view text = VIEW("not registered");
	EVP_PKEY *a;
	BIO *bio;

	(void)st;
	assert_int_equal(mail_dkim_cache_works(keys), 1);
	bio = BIO_new_mem_buf(text.p, (int)text.n);
	a = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	assert_null(a);
	BIO_free(bio);
}

static void *
sign_many(void *arg)
{
	int *n = arg, i;

	for (i = 0; i < *n; i++) {
		struct buf sig = { 0 };

		if (mail_dkim_sign(keys, "x", "example.org",
		    view_str(nasty[(size_t)i % N(nasty)]), &sig, NULL) != 2)
			*n = -1;
		buf_fini(&sig);
	}
	return NULL;
}

static void
no_leak(void **st)
{
	size_t before, after;
	pthread_t t[2];
	int n = 200, counts[2] = { 200, 200 };

	(void)st;
	sign_many(&n);
	assert_int_equal(n, 200);
	before = mallinfo2().uordblks;
	n = 5000; /* 10,000 signatures */
	sign_many(&n);
	after = mallinfo2().uordblks;
	assert_int_equal(n, 5000);
	if (after > before + 20000)
		fail_msg("grew from %zu to %zu bytes", before, after);
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, sign_many, &counts[i]);
	for (int i = 0; i < 2; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(counts[i], 200);
	}
}

static double
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Best of several rounds: the machine is shared. */
static double
best_sign(const char *domain, const char *tenant, struct view m, int rounds)
{
	double best = 1e12;

	for (int r = 0; r < rounds; r++) {
		double t = cpu_us();

		for (int i = 0; i < 20; i++) {
			struct buf sig = { 0 };

			mail_dkim_sign(keys, tenant, domain, m, &sig, NULL);
			buf_fini(&sig);
		}
		t = (cpu_us() - t) / 20;
		best = t < best ? t : best;
	}
	return best;
}

static void
cost(void **st)
{
	struct buf m = { 0 };
	char *path = make_key("bare", EVP_PKEY_RSA, 2048);
	FILE *f = fopen(path, "r");
	EVP_PKEY *k = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	unsigned char hash[32] = { 1 }, sig[256];
	double bare = 1e12, whole = 1e12;

	(void)st;
	fclose(f);
	buf_adds(&m, "From: a@rsa.example\r\nTo: b@c\r\nSubject: s\r\n\r\n");
	while (m.n < 4096)
		buf_adds(&m, "A line of the text of a letter of news.\r\n");
	add(keys, "rsa.example", "q", path, NULL);
	for (int r = 0; r < 12; r++) {
		double t = cpu_us();

		for (int i = 0; i < 20; i++) {
			EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(k, NULL);
			size_t n = sizeof(sig);

			EVP_PKEY_sign_init(c);
			EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING);
			EVP_PKEY_CTX_set_signature_md(c, EVP_sha256());
			assert_int_equal(EVP_PKEY_sign(c, sig, &n, hash, 32),
			    1);
			EVP_PKEY_CTX_free(c);
		}
		t = (cpu_us() - t) / 20;
		bare = t < bare ? t : bare;
		t = best_sign("rsa.example", NULL, buf_view(&m), 1);
		whole = t < whole ? t : whole;
	}
	printf("# RSA-2048, 4 KiB: %.0f us, the bare operation %.0f us "
	       "(+%.0f %%)\n", whole, bare, (whole / bare - 1) * 100);
#if !defined(__SANITIZE_ADDRESS__)
	assert_true(whole < bare * 1.25);
#endif
	EVP_PKEY_free(k);
	buf_fini(&m);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(keys_chosen),
		cmocka_unit_test(bad_rows),
		cmocka_unit_test(libopendkim_verifies),
		cmocka_unit_test(dkimpy_verifies),
		cmocka_unit_test(rfc8463_example),
		cmocka_unit_test(signed_headers),
		cmocka_unit_test(refusals),
		cmocka_unit_test(cache_is_hit),
		cmocka_unit_test(no_leak),
		cmocka_unit_test(cost),
	};

	return cmocka_run_group_tests(t, setup, teardown);
}
