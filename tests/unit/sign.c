/* sign DOMAIN SELECTOR KEY [SELECTOR KEY ...] < message > signed message
 * sign -b DOMAIN SELECTOR KEY COUNT < message: time of COUNT signatures */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "mail/dkim.h"

static void
add(struct mail_dkim *d, const char *domain, const char *sel, const char *key)
{
	struct mail_dkim_row row = { .domain = domain,
		.selector = sel,
		.key_file = key };
	struct err e;

	if (mail_dkim_add(d, &row, &e)) {
		fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
}

static double
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int
main(int argc, char **argv)
{
	struct mail_dkim *d = mail_dkim_new(NULL);
	struct buf m = { 0 }, sigs = { 0 }, pub = { 0 };
	struct err e;
	size_t n;
	int i, bench = argc > 1 && strcmp(argv[1], "-b") == 0;
	int first = 2 + bench, last = bench ? 5 : argc;

	while ((n = fread(buf_reserve(&m, 65536), 1, 65536, stdin)) > 0)
		buf_grown(&m, n);
	for (i = first; i + 1 < last; i += 2)
		add(d, argv[first - 1], argv[i], argv[i + 1]);
	for (i = 0; mail_dkim_at(d, (size_t)i); i++) {
		buf_clear(&pub);
		mail_dkim_public(mail_dkim_at(d, (size_t)i), &pub);
		fprintf(stderr, "%s v=DKIM1; k=%s; p=%s\n",
		    mail_dkim_name(mail_dkim_at(d, (size_t)i)),
		    pub.n < 60 ? "ed25519" : "rsa", buf_str(&pub));
	}
	if (!mail_dkim_cache_works(d)) {
		fprintf(stderr, "parsed keys are not reused\n");
		return 1;
	}
	if (bench) {
		double t = cpu_us();

		for (i = 0; i < atoi(argv[5]); i++) {
			buf_clear(&sigs);
			mail_dkim_sign(d, NULL, argv[2], buf_view(&m), &sigs,
			    &e);
		}
		printf("%.1f\n", (cpu_us() - t) / atoi(argv[5]));
	} else {
		if (mail_dkim_sign(d, NULL, argv[1], buf_view(&m), &sigs,
			&e) < 1) {
			fprintf(stderr, "not signed: %s\n", e.text);
			return 1;
		}
		fwrite(buf_ptr(&sigs), 1, sigs.n, stdout);
		fwrite(buf_ptr(&m), 1, m.n, stdout);
	}
	buf_fini(&m);
	buf_fini(&sigs);
	buf_fini(&pub);
	mail_dkim_free(&d);
	return 0;
}
