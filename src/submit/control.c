#include "config.h"
#include "submit/control.h"

#include <string.h>

#include "base/clock.h"
#include "conf/conf.h"

/* Names travel as single words through Redis, logs and commands. */
static int
read_word(char *out, struct view v, const char *name, struct err *e)
{
	size_t i;

	if (out[0] != '\0')
		return err_set(e, "%s given twice", name);
	if (v.n == 0 || v.n > SUBMIT_CONTROL_NAME_MAX)
		return err_set(e, "%s must have 1 to %d characters", name,
		    SUBMIT_CONTROL_NAME_MAX);
	for (i = 0; i < v.n; i++) {
		if (v.p[i] <= 32 || v.p[i] >= 127)
			return err_set(
			    e, "%s must be visible ASCII without blanks", name);
	}
	memcpy(out, v.p, v.n);
	out[v.n] = '\0';
	return 1;
}

static int
read_campaign(struct submit_control *c, const struct conf *conf, struct view v,
    const char *name, struct err *e)
{
	(void)conf;
	return read_word(c->campaign, v, name, e);
}

static int
read_list(struct submit_control *c, const struct conf *conf, struct view v,
    const char *name, struct err *e)
{
	(void)conf;
	return read_word(c->list, v, name, e);
}

static int
read_class(struct submit_control *c, const struct conf *conf, struct view v,
    const char *name, struct err *e)
{
	(void)conf;
	if (view_ieq(v, VIEW("bulk")))
		v = VIEW("bulk");
	else if (view_ieq(v, VIEW("transactional")))
		v = VIEW("transactional");
	else
		return err_set(e, "%s must be bulk or transactional", name);
	return read_word(c->class, v, name, e);
}

static int
read_source(struct submit_control *c, const struct conf *conf, struct view v,
    const char *name, struct err *e)
{
	if (read_word(c->source, v, name, e) == -1)
		return -1;
	if (conf_source_find(conf, c->source) == NULL)
		return err_set(e, "%s names no source", name);
	return 1;
}

static int
read_date(int64_t *out, struct view v, const char *name, struct err *e)
{
	int64_t ms;

	if (*out != 0)
		return err_set(e, "%s given twice", name);
	if (clock_parse(v.p, v.n, &ms) == -1 || ms <= 0 ||
	    ms / 1000 >= UINT32_MAX)
		return err_set(e, "%s must be a date", name);
	*out = ms;
	return 1;
}

static int
read_not_before(struct submit_control *c, const struct conf *conf,
    struct view v, const char *name, struct err *e)
{
	(void)conf;
	return read_date(&c->not_before_ms, v, name, e);
}

static int
read_expires(struct submit_control *c, const struct conf *conf, struct view v,
    const char *name, struct err *e)
{
	(void)conf;
	if (read_date(&c->expires_ms, v, name, e) == -1)
		return -1;
	if (c->expires_ms <= clock_now())
		return err_set(e, "%s is past", name);
	return 1;
}

int
submit_control_read(struct submit_control *c, const struct conf *conf,
    const struct mail_field *f, struct err *e)
{
	const struct conf_headers *h = &conf->headers;
	const struct {
		const char *name;
		int (*read)(struct submit_control *c, const struct conf *conf,
		    struct view v, const char *name, struct err *e);
	} row[] = {
		{ h->campaign, read_campaign },
		{ h->list, read_list },
		{ h->priority_class, read_class },
		{ h->not_before, read_not_before },
		{ h->expires, read_expires },
		{ h->source, read_source },
	};
	struct buf value = {0};
	size_t i;
	int rc;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		if (row[i].name && view_ieq(f->name, view_str(row[i].name)))
			break;
	}
	if (i == sizeof(row) / sizeof(row[0]))
		return 0;
	mail_header_unfold(f->value, &value);
	rc = row[i].read(c, conf, buf_view(&value), row[i].name, e);
	buf_fini(&value);
	return rc;
}
