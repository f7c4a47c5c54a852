#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mail/class.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void
replies(void **st)
{
	static const struct {
		enum mail_stage stage;
		int code, e[3];
		const char *text;
		enum mail_class want;
	} rows[] = {
		{ MAIL_STAGE_RCPT, 550, { 5, 1, 1 }, "x", MAIL_CLASS_BAD_MAILBOX },
		{ MAIL_STAGE_RCPT, 550, { 0 }, "no", MAIL_CLASS_BAD_MAILBOX },
		{ MAIL_STAGE_END, 550, { 0 }, "no", MAIL_CLASS_POLICY },
		{ MAIL_STAGE_RCPT, 552, { 5, 2, 2 }, "x",
		    MAIL_CLASS_MAILBOX_FULL },
		{ MAIL_STAGE_RCPT, 450, { 4, 2, 0 }, "Greylisted",
		    MAIL_CLASS_RATE },
		{ MAIL_STAGE_RCPT, 550, { 5, 7, 1 },
		    "listed at zen.spamhaus.org", MAIL_CLASS_POLICY },
		{ MAIL_STAGE_RCPT, 550, { 5, 1, 1 },
		    "your IP is on a blocklist", MAIL_CLASS_POLICY },
		{ MAIL_STAGE_END, 550, { 5, 7, 26 },
		    "unauthenticated mail, DMARC policy",
		    MAIL_CLASS_AUTHENTICATION },
		{ MAIL_STAGE_GREETING, 421, { 4, 7, 0 }, "later",
		    MAIL_CLASS_RATE },
		{ MAIL_STAGE_END, 552, { 5, 3, 4 }, "big", MAIL_CLASS_CONTENT },
		{ MAIL_STAGE_CONNECT, 0, { 0 }, "refused",
		    MAIL_CLASS_CONNECTION },
		{ MAIL_STAGE_DNS, 550, { 5, 1, 2 }, "none",
		    MAIL_CLASS_BAD_DOMAIN },
		{ MAIL_STAGE_DNS, 450, { 4, 4, 3 }, "servfail",
		    MAIL_CLASS_CONNECTION },
	};
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++)
		if (mail_class_of(rows[i].stage, rows[i].code, rows[i].e,
			rows[i].text) != rows[i].want)
			fail_msg("row %zu: %s", i,
			    mail_class_name(mail_class_of(rows[i].stage,
				rows[i].code, rows[i].e, rows[i].text)));
	assert_true(mail_class_condemns(MAIL_CLASS_BAD_MAILBOX));
	assert_false(mail_class_condemns(MAIL_CLASS_POLICY));
	assert_false(mail_class_condemns(MAIL_CLASS_MAILBOX_FULL));
}

/* The corpus' coarser names for ours. */
static const char *
coarse(enum mail_class c, int code)
{
	switch (c) {
	case MAIL_CLASS_BAD_MAILBOX:
	case MAIL_CLASS_INACTIVE:
		return "hard-invalid-recipient";
	case MAIL_CLASS_BAD_DOMAIN:
		return "dns/domain-invalid";
	case MAIL_CLASS_MAILBOX_FULL:
		return "mailbox-full";
	case MAIL_CLASS_POLICY:
		return "policy/spam-block";
	case MAIL_CLASS_AUTHENTICATION:
		return "relay/auth";
	case MAIL_CLASS_CONTENT:
		return "message-too-large";
	case MAIL_CLASS_RATE:
		return "rate-limited/deferred";
	case MAIL_CLASS_CONNECTION:
	case MAIL_CLASS_EXPIRED:
		return "other-transient";
	case MAIL_CLASS_NONE:
	case MAIL_CLASS_OTHER:
		break;
	}
	return code / 100 == 4 ? "other-transient" : "other-permanent";
}

static int
right(const char *got, const char *ok)
{
	if (strcmp(ok, "*") == 0)
		return 1;
	/* One finer than the other of the corpus' names. */
	if (strcmp(got, "rate-limited/deferred") == 0 &&
	    (strstr(ok, "greylist") || strstr(ok, "other-transient")))
		return 1;
	if (strcmp(got, "relay/auth") == 0 && strstr(ok, "policy/spam-block"))
		return 1;
	return strstr(ok, got) != NULL;
}

static void
corpus(void **st)
{
	char path[512], line[16384], *f[16];
	const char *dir = getenv("FACTEUR_CORPORA"), *top = getenv("srcdir");
	unsigned n = 0, good = 0;
	FILE *h;

	(void)st;
	if (dir)
		snprintf(path, sizeof(path), "%s/bounces.tsv", dir);
	else
		snprintf(path, sizeof(path),
		    "%s/../shared/corpora/bounces.tsv", top ? top : ".");
	if ((h = fopen(path, "re")) == NULL) {
		print_message("# the corpora are absent\n");
		skip();
	}
	while (fgets(line, sizeof(line), h)) {
		char *at = line, *w;
		int e[3] = { 0 }, k = 0, code;

		line[strcspn(line, "\n")] = '\0';
		while (k < 13 && (w = strsep(&at, "\t")))
			f[k++] = w;
		if (k < 13 || strcmp(f[2], "reply") != 0)
			continue;
		code = (int)strtol(f[5], NULL, 10);
		sscanf(f[6], "%d.%d.%d", &e[0], &e[1], &e[2]);
		n++;
		if (right(coarse(mail_class_of(MAIL_STAGE_RCPT, code, e, f[7]),
			      code),
			f[11]))
			good++;
		else if (getenv("SHOW_MISSES"))
			print_message("# %s | %s: %s %s %s\n",
			    coarse(mail_class_of(MAIL_STAGE_RCPT, code, e,
				       f[7]),
				code),
			    f[11], f[5], f[6], f[7]);
	}
	fclose(h);
	print_message("# %u of %u replies classed right\n", good, n);
	assert_true(n > 100);
	assert_true(good * 100 >= n * 85);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(replies),
		cmocka_unit_test(corpus),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
