#include "config.h"
#include "conf/dump.h"

#include <string.h>

#include "conf/conf.h"
#include "conf/scalar.h"
#include "conf/settings.h"
#include "conf/value.h"

static void
dump_row(const struct conf_settings_row *r, void *s, int depth,
    struct buf *out)
{
	struct buf value = { 0 };

	conf_value_print(r, s, &value);
	/* What was not given has no text that could be read again. */
	buf_addf(out, "%*s%s%s = %s\n", depth * 4, "",
	    r->type == CONF_T_STRING && value.n == 2 && r->def == NULL ? "# "
								       : "",
	    r->name, buf_str(&value));
	buf_fini(&value);
}

static void
dump_struct(int b, void *s, int depth, struct buf *out);

static void
dump_block(int b, void *parent, int depth, struct buf *out)
{
	size_t i;
	void *s;

	for (i = 0;
	     (s = conf_settings_get((enum conf_settings_block)b, parent, i));
	     i++)
		dump_struct(b, s, depth, out);
}

static void
dump_struct(int b, void *s, int depth, struct buf *out)
{
	const struct conf_settings_blockrow *r = &conf_settings_blocks[b];
	size_t i;
	int inner;

	buf_addf(out, "%*s%s", depth * 4, "", r->name);
	if (r->titled)
		buf_addf(out, " \"%s\"", *(char **)s);
	buf_adds(out, " {\n");
	for (i = 0; i < conf_settings_nrows; i++) {
		const struct conf_settings_row *row = &conf_settings_rows[i];

		if ((int)row->block == b && row->check != CONF_C_SECRET &&
		    row->check != CONF_C_SECRET_FILE)
			dump_row(row, s, depth + 1, out);
	}
	for (inner = 0; inner < CONF_B_N; inner++)
		if (conf_settings_blocks[inner].parent == b)
			dump_block(inner, s, depth + 1, out);
	buf_addf(out, "%*s}\n", depth * 4, "");
}

void
conf_dump(struct conf *c, struct buf *out)
{
	int b;

	dump_struct(CONF_B_SITE, &c->site_default, 0, out);
	for (b = 0; b < CONF_B_N; b++)
		if (conf_settings_blocks[b].parent < 0)
			dump_block(b, c, 0, out);
}

static void
troff_text(const char *s, struct buf *out)
{
	if (*s == '.' || *s == '\'')
		buf_adds(out, "\\&");
	for (; *s; s++) {
		if (*s == '\\')
			buf_adds(out, "\\e");
		else if (*s == '-')
			buf_adds(out, "\\-");
		else
			buf_addc(out, *s);
	}
	buf_addc(out, '\n');
}

static const char *
type_text(const struct conf_settings_row *r)
{
	static const char *const text[] = {
		[CONF_T_STRING] = "text",
		[CONF_T_WORD] = "",
		[CONF_T_ENUM] = "",
		[CONF_T_BOOL] = "yes or no",
		[CONF_T_NUMBER] = "number",
		[CONF_T_SIZE] = "size",
		[CONF_T_MODE] = "file mode",
		[CONF_T_DURATION] = "time",
		[CONF_T_RATE] = "rate",
		[CONF_T_STRINGS] = "list",
		[CONF_T_NETS] = "list of address blocks",
		[CONF_T_DURATIONS] = "list of times",
	};

	return text[r->type];
}

static void
range_end(const struct conf_settings_row *r, int64_t v, struct buf *out)
{
	if (r->type == CONF_T_SIZE)
		conf_scalar_print_size((uint64_t)v, out);
	else if (r->type == CONF_T_NUMBER)
		buf_addf(out, "%lld", (long long)v);
	else
		conf_scalar_print_time(v, out);
}

static void
reference_row(const struct conf_settings_row *r, struct buf *out)
{
	int i;

	buf_addf(out, ".TP\n.BI \"%s = \" \"", r->name);
	for (i = 0; r->names && r->names[i]; i++)
		buf_addf(out, "%s%s", i ? "|" : "", r->names[i]);
	buf_addf(out, "%s\"\n", r->names ? "" : type_text(r));
	troff_text(r->help, out);
	if (r->max > r->min && r->type != CONF_T_MODE && r->type != CONF_T_RATE) {
		buf_adds(out, "From ");
		range_end(r, r->min, out);
		buf_adds(out, " to ");
		range_end(r, r->max, out);
		buf_addf(out, "%s%s.\n", r->type == CONF_T_NUMBER ? " " : "",
		    r->type == CONF_T_NUMBER ? r->unit : "");
	}
	if (r->def && strcmp(r->def, "!") == 0)
		buf_adds(out, "Must be given.\n");
	else if (r->def && *r->def) {
		buf_adds(out, "Default: ");
		troff_text(r->def, out);
		buf_cut(out, out->n - 1);
		buf_adds(out, ".\n");
	}
}

void
conf_dump_reference(struct buf *out)
{
	size_t i;
	int b;

	for (b = 0; b < CONF_B_N; b++) {
		const struct conf_settings_blockrow *k = &conf_settings_blocks[b];

		buf_addf(out, ".SS \"%s%s { }\"\n", k->name,
		    k->titled ? " NAME" : "");
		troff_text(k->help, out);
		for (i = 0; i < conf_settings_nrows; i++)
			if ((int)conf_settings_rows[i].block == b)
				reference_row(&conf_settings_rows[i], out);
	}
}
