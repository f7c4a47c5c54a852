#include "config.h"
#include "conf/value.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/check.h"
#include "conf/conf.h"
#include "conf/scalar.h"
#include "conf/settings.h"

#define WORDS_MAX 64 /* of a default */

static void *
field(const struct conf_settings_row *r, void *s)
{
	return (char *)s + r->at;
}

static void
put_number(const struct conf_settings_row *r, void *s, int64_t x)
{
	if (s == NULL)
		return;
	if (r->width == sizeof(unsigned))
		*(unsigned *)field(r, s) = (unsigned)x;
	else
		*(int64_t *)field(r, s) = x;
}

static int64_t
get_number(const struct conf_settings_row *r, void *s)
{
	if (r->width == sizeof(unsigned))
		return *(unsigned *)field(r, s);
	return *(int64_t *)field(r, s);
}

static void
print_number(const struct conf_settings_row *r, int64_t x, struct buf *out)
{
	if (r->type == CONF_T_SIZE)
		conf_scalar_print_size((uint64_t)x, out);
	else if (r->type == CONF_T_DURATION || r->type == CONF_T_DURATIONS)
		conf_scalar_print_time(x, out);
	else
		buf_addf(out, "%lld", (long long)x);
}

static int
in_range(const struct conf_settings_row *r, int64_t x, struct err *e)
{
	struct buf b = { 0 };

	if (x >= r->min && x <= r->max)
		return 0;
	print_number(r, x, &b);
	buf_adds(&b, " is out of range: from ");
	print_number(r, r->min, &b);
	buf_adds(&b, " to ");
	print_number(r, r->max, &b);
	err_set(e, "%s", buf_str(&b));
	buf_fini(&b);
	return -1;
}

static int
index_of(const char *const *names, const char *word)
{
	int i;

	for (i = 0; names[i]; i++)
		if (strcmp(names[i], word) == 0)
			return i;
	return -1;
}

static int
bad_name(const struct conf_settings_row *r, const char *word, struct err *e)
{
	struct buf b = { 0 };
	int i;

	for (i = 0; r->names[i]; i++)
		buf_addf(&b, "%s%s", i ? ", " : "", r->names[i]);
	err_set(e, "\"%.80s\": expected one of %s", word, buf_str(&b));
	buf_fini(&b);
	return -1;
}

static int
bad(const char *word, const char *want, struct err *e)
{
	return err_set(e, "\"%.80s\": expected %s", word, want);
}

static int
set_string(const struct conf_settings_row *r, void *s, const char *word,
    struct err *e)
{
	struct buf secret = { 0 };

	if (r->check == CONF_C_SECRET_FILE) {
		if (conf_check_secret_file(word, &secret, e))
			return -1;
		word = buf_str(&secret);
	} else if (conf_check_string(r->check, word, e)) {
		return -1;
	}
	if (s) {
		free(*(char **)field(r, s));
		*(char **)field(r, s) = mem_strdup(word);
	}
	buf_fini(&secret);
	return 0;
}

static int
set_number(const struct conf_settings_row *r, void *s, const char *word,
    struct err *e)
{
	struct view v = view_str(word);
	uint64_t u;
	int64_t x;

	if (r->type == CONF_T_SIZE) {
		if (conf_scalar_size(v, &x))
			return bad(word, "a size as 64K, 25M, 1G", e);
	} else if (r->type == CONF_T_DURATION) {
		if (conf_scalar_time(v, &x))
			return bad(word, "a time as 500ms, 10s, 5m, 2h, 1d",
			    e);
	} else if (strcmp(word, "auto") == 0 && r->def &&
	    strcmp(r->def, "auto") == 0) {
		x = sysconf(_SC_NPROCESSORS_ONLN) - 1;
	} else {
		if (view_u64(v, &u) || u > INT64_MAX)
			return bad(word, "a number", e);
		x = (int64_t)u;
	}
	if (in_range(r, x, e))
		return -1;
	put_number(r, s, x);
	return 0;
}

static int
set_small(const struct conf_settings_row *r, void *s, const char *word,
    struct err *e)
{
	struct view v = view_str(word);
	struct conf_rate rate;
	unsigned mode;
	bool b;
	int i;

	if (r->type == CONF_T_BOOL) {
		if (conf_scalar_bool(v, &b))
			return bad(word, "yes or no", e);
		if (s)
			*(bool *)field(r, s) = b;
	} else if (r->type == CONF_T_MODE) {
		if (conf_scalar_mode(v, &mode) || mode > 0777)
			return bad(word, "a file mode as 0660", e);
		put_number(r, s, mode);
	} else if (r->type == CONF_T_RATE) {
		if (conf_scalar_rate(v, &rate))
			return bad(word, "a rate as 100/s, 1000/min, 5000/h", e);
		if (s)
			*(struct conf_rate *)field(r, s) = rate;
	} else {
		if ((i = index_of(r->names, word)) < 0)
			return bad_name(r, word, e);
		if (r->type == CONF_T_WORD)
			return set_string(r, s, word, e);
		if (s)
			*(int *)field(r, s) = i;
	}
	return 0;
}

static int
set_strings(const struct conf_settings_row *r, void *s,
    const char *const *words, size_t n, struct err *e)
{
	struct conf_strs *list;
	size_t i;

	for (i = 0; i < n; i++)
		if (conf_check_string(r->check, words[i], e))
			return -1;
	if (s == NULL)
		return 0;
	conf_value_free(r, s);
	list = field(r, s);
	list->v = n ? mem_zalloc(n * sizeof(*list->v)) : NULL;
	for (i = 0; i < n; i++)
		list->v[i] = mem_strdup(words[i]);
	list->n = n;
	return 0;
}

static int
set_nets(const struct conf_settings_row *r, void *s, const char *const *words,
    size_t n, struct err *e)
{
	struct conf_nets nets = { 0 };
	size_t i;

	nets.v = n ? mem_zalloc(n * sizeof(*nets.v)) : NULL;
	for (i = 0; i < n; i++) {
		if (conf_scalar_net(view_str(words[i]), &nets.v[nets.n++])) {
			free(nets.v);
			return bad(words[i],
			    "an address block as 192.0.2.0/24 or ::1", e);
		}
	}
	if (s) {
		conf_value_free(r, s);
		*(struct conf_nets *)field(r, s) = nets;
	} else {
		free(nets.v);
	}
	return 0;
}

static int
set_times(const struct conf_settings_row *r, void *s, const char *const *words,
    size_t n, struct err *e)
{
	int64_t ms[CONF_DURATIONS_MAX] = { 0 };
	size_t i;

	if (n == 0 || n > CONF_DURATIONS_MAX)
		return err_set(e, "expected 1 to %d times",
		    CONF_DURATIONS_MAX);
	for (i = 0; i < n; i++) {
		if (conf_scalar_time(view_str(words[i]), &ms[i]))
			return bad(words[i], "a time as 5m, 2h", e);
		if (in_range(r, ms[i], e))
			return -1;
	}
	if (s) {
		memcpy(field(r, s), ms, sizeof(ms));
		*(size_t *)(void *)((char *)s + r->count_at) = n;
	}
	return 0;
}

int
conf_value_set(const struct conf_settings_row *r, void *s,
    const char *const *words, size_t n, struct err *e)
{
	switch (r->type) {
	case CONF_T_STRINGS:
		return set_strings(r, s, words, n, e);
	case CONF_T_NETS:
		return set_nets(r, s, words, n, e);
	case CONF_T_DURATIONS:
		return set_times(r, s, words, n, e);
	case CONF_T_STRING:
		return set_string(r, s, words[0], e);
	case CONF_T_NUMBER:
	case CONF_T_SIZE:
	case CONF_T_DURATION:
		return set_number(r, s, words[0], e);
	case CONF_T_WORD:
	case CONF_T_ENUM:
	case CONF_T_BOOL:
	case CONF_T_MODE:
	case CONF_T_RATE:
		return set_small(r, s, words[0], e);
	}
	return -1;
}

int
conf_value_default(const struct conf_settings_row *r, void *s, struct err *e)
{
	const char *words[WORDS_MAX];
	char *copy, *at, *word;
	size_t n = 0;
	int rc;

	if (r->def && strcmp(r->def, "!") == 0)
		return err_set(e, "%s must be given", r->name);
	if (r->def == NULL)
		return 0;
	if (r->type != CONF_T_STRINGS && r->type != CONF_T_DURATIONS)
		return conf_value_set(r, s, &r->def, 1, e);
	at = copy = mem_strdup(r->def);
	while (n < WORDS_MAX && (word = strsep(&at, " ")) != NULL)
		words[n++] = word;
	rc = conf_value_set(r, s, words, n, e);
	free(copy);
	return rc;
}

void
conf_value_copy(const struct conf_settings_row *r, void *to, void *from)
{
	if (r->type == CONF_T_STRING || r->type == CONF_T_WORD) {
		free(*(char **)field(r, to));
		*(char **)field(r, to) = mem_strdup(*(char **)field(r, from));
	} else if (r->type != CONF_T_STRINGS && r->type != CONF_T_NETS) {
		memcpy(field(r, to), field(r, from), r->width);
		if (r->count_at)
			memcpy((char *)to + r->count_at,
			    (char *)from + r->count_at, sizeof(size_t));
	}
}

void
conf_value_free(const struct conf_settings_row *r, void *s)
{
	if (r->type == CONF_T_STRING || r->type == CONF_T_WORD) {
		char **p = field(r, s);

		free(*p);
		*p = NULL;
	} else if (r->type == CONF_T_STRINGS) {
		struct conf_strs *l = field(r, s);

		while (l->n)
			free(l->v[--l->n]);
		free(l->v);
		l->v = NULL;
	} else if (r->type == CONF_T_NETS) {
		struct conf_nets *l = field(r, s);

		free(l->v);
		*l = (struct conf_nets){ 0 };
	}
}

static void
print_quoted(const char *s, struct buf *out)
{
	buf_addc(out, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_addc(out, '\\');
		buf_addc(out, *s);
	}
	buf_addc(out, '"');
}

static void
print_list(const struct conf_settings_row *r, void *s, struct buf *out)
{
	size_t i, n;

	if (r->type == CONF_T_STRINGS)
		n = ((struct conf_strs *)field(r, s))->n;
	else if (r->type == CONF_T_NETS)
		n = ((struct conf_nets *)field(r, s))->n;
	else
		n = *(size_t *)(void *)((char *)s + r->count_at);
	buf_addc(out, '{');
	for (i = 0; i < n; i++) {
		buf_adds(out, i ? ", " : "");
		if (r->type == CONF_T_STRINGS) {
			print_quoted(((struct conf_strs *)field(r, s))->v[i],
			    out);
			continue;
		}
		buf_addc(out, '"');
		if (r->type == CONF_T_NETS)
			conf_scalar_print_net(
			    &((struct conf_nets *)field(r, s))->v[i], out);
		else
			conf_scalar_print_time(((int64_t *)field(r, s))[i],
			    out);
		buf_addc(out, '"');
	}
	buf_addc(out, '}');
}

void
conf_value_print(const struct conf_settings_row *r, void *s, struct buf *out)
{
	const char *str;

	switch (r->type) {
	case CONF_T_STRING:
	case CONF_T_WORD:
		str = *(char **)field(r, s);
		print_quoted(str ? str : "", out);
		return;
	case CONF_T_ENUM:
		buf_adds(out, r->names[*(int *)field(r, s)]);
		return;
	case CONF_T_BOOL:
		buf_adds(out, *(bool *)field(r, s) ? "yes" : "no");
		return;
	case CONF_T_MODE:
		buf_addf(out, "0%o", (unsigned)get_number(r, s));
		return;
	case CONF_T_RATE:
		conf_scalar_print_rate(field(r, s), out);
		return;
	case CONF_T_NUMBER:
	case CONF_T_SIZE:
	case CONF_T_DURATION:
		print_number(r, get_number(r, s), out);
		return;
	case CONF_T_STRINGS:
	case CONF_T_NETS:
	case CONF_T_DURATIONS:
		print_list(r, s, out);
		return;
	}
}
