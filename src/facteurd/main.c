#include "config.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "conf/conf.h"
#include "conf/dump.h"
#include "facteurd/daemon.h"
#include "facteurd/keys.h"
#include "facteurd/privs.h"
#include "mail/dkim.h"

struct options {
	const char *conf_path;
	bool test;
	bool dump;
};

static void
usage(FILE *to)
{
	fputs("usage: facteurd [-tTVh] [-c FILE]\n"
	      "  -c FILE  configuration (" SYSCONFDIR "/facteur/facteur.conf)\n"
	      "  -t       check the configuration and what it names, then end\n"
	      "  -T       print the effective configuration, then end\n"
	      "  -V       print the version\n",
	    to);
}

/* 0: go on; else the exit status + 1. */
static int
read_options(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt(argc, argv, "c:tTVh")) != -1) {
		switch (c) {
		case 'c':
			o->conf_path = optarg;
			break;
		case 't':
			o->test = true;
			break;
		case 'T':
			o->dump = true;
			break;
		case 'V':
			puts(PACKAGE_STRING);
			return 1;
		case 'h':
			usage(stdout);
			return 1;
		default:
			usage(stderr);
			return EXIT_FAILURE + 1;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "facteurd: what is \"%s\"?\n", argv[optind]);
		usage(stderr);
		return EXIT_FAILURE + 1;
	}
	return 0;
}

static void
print_error(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "facteurd: %s\n", text);
}

/* What only reading the named files can tell. */
static int
check_files(struct conf *conf)
{
	struct err e;
	struct mail_dkim *dkim = facteurd_keys_load(conf, &e);

	if (dkim == NULL) {
		fprintf(stderr, "facteurd: %s: %s\n", conf->path, e.text);
		return -1;
	}
	mail_dkim_free(&dkim);
	return 0;
}

static int
test_or_dump(struct conf *conf, const struct options *o)
{
	struct buf out = { 0 };
	int rc = check_files(conf);

	if (o->dump) {
		conf_dump(conf, &out);
		fwrite(buf_ptr(&out), 1, out.n, stdout);
		buf_fini(&out);
	} else if (rc == 0) {
		printf("%s: good\n", conf->path);
	}
	return rc;
}

/* As many descriptors as we may have: connections are what we are for. */
static void
raise_limits(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
	signal(SIGPIPE, SIG_IGN);
}

static int
serve(struct conf *conf)
{
	struct daemon *d;
	struct err e;

	if (facteurd_privs_drop(conf->limits.user, conf->limits.group,
		conf->limits.spool, &e) ||
	    log_open(conf->log.path, log_level_parse(conf->log.level), &e) ||
	    (d = facteurd_daemon_new(conf_ref(conf), &e)) == NULL) {
		fprintf(stderr, "facteurd: %s\n", e.text);
		return EXIT_FAILURE;
	}
	facteurd_daemon_run(d);
	facteurd_daemon_free(&d);
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	struct options o = { .conf_path = SYSCONFDIR "/facteur/facteur.conf" };
	struct conf *conf;
	struct err e;
	int rc = read_options(argc, argv, &o);

	if (rc)
		return rc - 1;
	conf = conf_load(o.conf_path, print_error, NULL, &e);
	if (conf == NULL)
		return EXIT_FAILURE;
	if (o.test || o.dump) {
		rc = test_or_dump(conf, &o) ? EXIT_FAILURE : EXIT_SUCCESS;
	} else {
		raise_limits();
		rc = serve(conf);
	}
	conf_unref(&conf);
	return rc;
}
