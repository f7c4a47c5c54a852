#include "config.h"
#include "conf/load.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <confuse.h>

#include "base/mem.h"
#include "conf/settings.h"
#include "conf/text.h"
#include "conf/value.h"
#include "conf/verify.h"

#define INCLUDES_MAX 8 /* inside each other */
#define OPTS_MAX 48 /* settings and inner blocks of one block */

struct note { /* where a setting was given */
	const cfg_opt_t *opt;
	char *file; /* owned */
	int line;
};

struct loader {
	const char *path;
	struct conf *conf;
	void (*on_error)(void *arg, const char *text);
	void *arg;
	struct err *first;
	unsigned errors;
	unsigned depth; /* of included files */
	struct note *notes;
	size_t nnotes;
	cfg_opt_t opts[CONF_B_N + 1][OPTS_MAX]; /* the last: of the file */
};

/* libconfuse's callbacks carry no argument of ours. */
static struct loader *loading;

static void
report(struct loader *l, const char *file, int line, const char *text)
{
	struct err e;

	if (line > 0)
		err_set(&e, "%s:%d: %s", file ? file : l->path, line, text);
	else
		err_set(&e, "%s: %s", file ? file : l->path, text);
	if (l->errors++ == 0 && l->first)
		*l->first = e;
	if (l->on_error)
		l->on_error(l->arg, e.text);
}

static void
on_parse_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	struct buf b = { 0 };

	if (strcmp(fmt, "no such option '%s'") == 0)
		fmt = "unknown setting '%s'";
	buf_vaddf(&b, fmt, ap);
	report(loading, cfg ? cfg->filename : NULL, cfg ? cfg->line : 0,
	    buf_str(&b));
	buf_fini(&b);
}

/* One file's text, the first or an included one. */
static int
parse_text(struct loader *l, cfg_t *cfg, struct buf *text)
{
	const char *why;
	int line, rc;
	FILE *f;

	if (conf_text_clean(text, &line, &why)) {
		report(l, cfg->filename, line, why);
		return -1;
	}
	if (text->n == 0)
		return 0;
	f = fmemopen(buf_ptr(text), text->n, "r");
	if (f == NULL) {
		report(l, cfg->filename, 0, strerror(errno));
		return -1;
	}
	rc = cfg_parse_fp(cfg, f);
	fclose(f);
	return rc == CFG_SUCCESS ? 0 : -1;
}

/* In place of cfg_include, which counts lines wrongly, looks in the working
 * directory, and leaves libconfuse unusable after an error. */
static int
on_include(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
	struct loader *l = loading;
	char *outer = cfg->filename, *path;
	struct buf text = { 0 };
	struct err e = { "" };
	int line = cfg->line, rc;

	(void)opt;
	if (argc != 1 || l->depth >= INCLUDES_MAX) {
		cfg_error(cfg, argc != 1 ? "include takes one file"
					 : "too many files include each other");
		return -1;
	}
	path = conf_text_path(outer, argv[0]);
	rc = conf_text_read(path, &text, &e);
	if (rc) {
		cfg_error(cfg, "include: %s", e.text);
	} else {
		l->depth++;
		cfg->filename = path;
		rc = parse_text(l, cfg, &text);
		cfg->filename = outer;
		cfg->line = line;
		l->depth--;
	}
	free(path);
	buf_fini(&text);
	return rc;
}

static int
on_given(cfg_t *cfg, cfg_opt_t *opt)
{
	struct loader *l = loading;
	struct note *n;

	if (l->nnotes && l->notes[l->nnotes - 1].opt == opt)
		return 0;
	l->notes = mem_realloc(l->notes, (l->nnotes + 1) * sizeof(*l->notes));
	n = &l->notes[l->nnotes++];
	n->opt = opt;
	n->file = mem_strdup(cfg->filename);
	n->line = cfg->line;
	return 0;
}

static const struct note *
find_note(const struct loader *l, const cfg_opt_t *opt)
{
	size_t i;

	for (i = l->nnotes; opt && i > 0; i--)
		if (l->notes[i - 1].opt == opt)
			return &l->notes[i - 1];
	return NULL;
}

static bool
is_list(const struct conf_settings_row *r)
{
	return r->type == CONF_T_STRINGS || r->type == CONF_T_NETS ||
	    r->type == CONF_T_DURATIONS;
}

static void
add_blocks(struct loader *l, int parent, size_t at)
{
	cfg_opt_t *opts = l->opts[parent < 0 ? CONF_B_N : parent];
	int b;

	for (b = 0; b < CONF_B_N; b++) {
		const struct conf_settings_blockrow *r = &conf_settings_blocks[b];
		cfg_flag_t flags = r->titled
		    ? CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES
		    : CFGF_NONE;

		if (r->parent == parent)
			opts[at++] = (cfg_opt_t)CFG_SEC(r->name, l->opts[b],
			    flags);
	}
	opts[at++] = (cfg_opt_t)CFG_FUNC("include", &on_include);
	opts[at] = (cfg_opt_t)CFG_END();
}

/* Inner blocks come after their parents in the table, so their options must
 * be ready first: libconfuse copies them when the parent is opened. */
static void
make_options(struct loader *l)
{
	int b;
	size_t i;

	for (b = CONF_B_N - 1; b >= 0; b--) {
		size_t n = 0;

		for (i = 0; i < conf_settings_nrows; i++) {
			const struct conf_settings_row *r = &conf_settings_rows[i];
			cfg_opt_t *o = &l->opts[b][n];

			if ((int)r->block != b)
				continue;
			if (is_list(r))
				*o = (cfg_opt_t)CFG_STR_LIST(r->name, NULL,
				    CFGF_NODEFAULT);
			else
				*o = (cfg_opt_t)CFG_STR(r->name, NULL,
				    CFGF_NODEFAULT);
			o->validcb = on_given;
			n++;
		}
		add_blocks(l, b, n);
	}
	add_blocks(l, -1, 0);
}

static int
set_given(struct loader *l, const struct conf_settings_row *r, void *s,
    cfg_opt_t *opt, const struct note *n)
{
	size_t count = cfg_opt_size(opt), i;
	const char **words = mem_zalloc((count + 1) * sizeof(*words));
	struct err e, full;
	int rc;

	for (i = 0; i < count; i++)
		words[i] = cfg_opt_getnstr(opt, (unsigned)i);
	rc = !is_list(r) && words[0] == NULL
	    ? err_set(&e, "a value is missing")
	    : conf_value_set(r, s, words, count, &e);
	if (rc) {
		err_set(&full, "%s: %s", r->name, e.text);
		report(l, n->file, n->line, full.text);
	}
	free(words);
	return rc;
}

/* All settings of one block; from: the struct whose values are inherited. */
static void
fill(struct loader *l, enum conf_settings_block b, cfg_t *sec, void *s,
    void *from)
{
	struct err e;
	size_t i;

	for (i = 0; i < conf_settings_nrows; i++) {
		const struct conf_settings_row *r = &conf_settings_rows[i];
		cfg_opt_t *opt;
		const struct note *n;

		if (r->block != b)
			continue;
		opt = sec ? cfg_getopt(sec, r->name) : NULL;
		n = find_note(l, opt);
		if (n)
			set_given(l, r, s, opt, n);
		else if (from)
			conf_value_copy(r, s, from);
		else if (conf_value_default(r, s, &e))
			report(l, sec ? sec->filename : NULL,
			    sec ? sec->line : 0, e.text);
	}
}

/* Titles stand in logs, in accounting and in -T as they are. */
static void
check_title(struct loader *l, cfg_t *sec)
{
	const char *title = cfg_title(sec), *p;
	struct err e;

	for (p = title; (unsigned char)*p > ' ' && *p != '"' && *p != '\\' &&
	     *p != '$' && *p != 0x7f;
	     p++)
		;
	if (p != title && *p == '\0' && p - title <= 100)
		return;
	err_set(&e, "\"%.100s\": not a name", title);
	report(l, sec->filename, sec->line, e.text);
}

static void fill_titled(struct loader *l, enum conf_settings_block b,
    cfg_t *parent, void *s);

static void
fill_inner(struct loader *l, int outer, cfg_t *sec, void *s)
{
	int b;

	for (b = 0; b < CONF_B_N; b++)
		if (conf_settings_blocks[b].parent == outer)
			fill_titled(l, (enum conf_settings_block)b, sec, s);
}

static void
fill_titled(struct loader *l, enum conf_settings_block b, cfg_t *parent,
    void *s)
{
	const struct conf_settings_blockrow *r = &conf_settings_blocks[b];
	unsigned i, n = cfg_size(parent, r->name);

	for (i = 0; i < n; i++) {
		cfg_t *sec = cfg_getnsec(parent, r->name, i);
		void *one, *from = NULL;

		if (b == CONF_B_SITE) {
			if (strcmp(cfg_title(sec), "default") == 0)
				continue;
			from = &l->conf->site_default;
		}
		check_title(l, sec);
		one = conf_settings_append(b, s, cfg_title(sec));
		fill(l, b, sec, one, from);
		fill_inner(l, (int)b, sec, one);
	}
}

static void
fill_all(struct loader *l, cfg_t *cfg)
{
	int b;

	l->conf->site_default.name = mem_strdup("default");
	fill(l, CONF_B_SITE, cfg_gettsec(cfg, "site", "default"),
	    &l->conf->site_default, NULL);
	for (b = 0; b < CONF_B_N; b++) {
		const struct conf_settings_blockrow *r = &conf_settings_blocks[b];

		if (r->parent >= 0)
			continue;
		if (r->titled)
			fill_titled(l, (enum conf_settings_block)b, cfg,
			    l->conf);
		else
			fill(l, (enum conf_settings_block)b,
			    cfg_getsec(cfg, r->name),
			    conf_settings_get((enum conf_settings_block)b,
				l->conf, 0),
			    NULL);
	}
}

/* Where the named setting of the titled block stands, for errors that only
 * the whole shows. */
static void
on_verify(void *arg, const char *block, const char *title, const char *setting,
    const char *text)
{
	void **args = arg;
	struct loader *l = args[0];
	cfg_t *sec = title ? cfg_gettsec(args[1], block, title)
			   : cfg_getsec(args[1], block);
	const struct note *n = sec && setting
	    ? find_note(l, cfg_getopt(sec, setting))
	    : NULL;

	if (n)
		report(l, n->file, n->line, text);
	else
		report(l, sec ? sec->filename : NULL, sec ? sec->line : 0,
		    text);
}

static int
parse(struct loader *l, struct buf *text)
{
	cfg_t *cfg;
	void *args[2];

	make_options(l);
	cfg = cfg_init(l->opts[CONF_B_N], CFGF_NONE);
	cfg_set_error_function(cfg, on_parse_error);
	free(cfg->filename);
	cfg->filename = mem_strdup(l->path);
	if (parse_text(l, cfg, text) == 0) {
		fill_all(l, cfg);
		args[0] = l;
		args[1] = cfg;
		if (l->errors == 0)
			conf_verify(l->conf, on_verify, args);
	} else if (l->errors == 0) {
		report(l, NULL, cfg->line, "syntax error");
	}
	cfg_free(cfg);
	return l->errors ? -1 : 0;
}

struct conf *
conf_load_text(const char *path, struct buf *text,
    void (*on_error)(void *arg, const char *text), void *arg, struct err *e)
{
	struct loader *l = mem_zalloc(sizeof(*l));
	struct conf *c = mem_zalloc(sizeof(*c));
	size_t i;

	c->refs = 1;
	c->path = mem_strdup(path);
	l->path = path;
	l->conf = c;
	l->on_error = on_error;
	l->arg = arg;
	l->first = e;
	loading = l;
	if (parse(l, text))
		conf_unref(&c);
	loading = NULL;
	for (i = 0; i < l->nnotes; i++)
		free(l->notes[i].file);
	free(l->notes);
	free(l);
	return c;
}

struct conf *
conf_load(const char *path, void (*on_error)(void *arg, const char *text),
    void *arg, struct err *e)
{
	struct buf text = { 0 };
	struct conf *c = NULL;
	struct err why;

	if (conf_text_read(path, &text, &why) == 0) {
		c = conf_load_text(path, &text, on_error, arg, e);
	} else {
		if (on_error)
			on_error(arg, why.text);
		if (e)
			*e = why;
	}
	buf_fini(&text);
	return c;
}
