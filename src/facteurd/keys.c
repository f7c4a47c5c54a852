#include "config.h"
#include "facteurd/keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "dns/dns.h"
#include "mail/dkim.h"

struct check {
	char *name;          /* owned: selector._domainkey.domain */
	char *want;          /* owned: p= of our key */
	struct dns_req *req; /* owned while open */
};

struct facteurd_keys_check {
	struct check *v;
	size_t n;
};

struct mail_dkim *
facteurd_keys_load(const struct conf *conf, struct err *e)
{
	struct mail_dkim *d = mail_dkim_new(e);
	size_t i;

	for (i = 0; d && i < conf->ndkim; i++) {
		const struct conf_dkim *c = &conf->dkim[i];
		struct mail_dkim_row row = { .domain = c->domain,
			.selector = c->selector,
			.key_file = c->key,
			.tenant = c->tenant,
			.headers = c->headers.v,
			.nheaders = c->headers.n,
			.oversign = c->oversign.v,
			.noversign = c->oversign.n };
		struct err why;

		if (mail_dkim_add(d, &row, &why)) {
			err_set(e, "dkim %s: %s", c->name, why.text);
			mail_dkim_free(&d);
		}
	}
	return d;
}

/* Value of p= in a key record (RFC 6376 3.6.1), blanks left out. */
static void
record_key(const char *txt, struct buf *out)
{
	struct view v = view_str(txt);

	while (v.p) {
		struct view tag = view_trim(view_cut(&v, ';'));
		struct view name = view_trim(view_cut(&tag, '='));
		size_t i;

		if (!view_eq(name, VIEW("p")) || tag.p == NULL)
			continue;
		for (i = 0; i < tag.n; i++)
			if (!strchr(" \t\r\n", tag.p[i]))
				buf_addc(out, tag.p[i]);
		return;
	}
}

static void
on_txt(void *arg, const struct dns_texts *t)
{
	struct check *c = arg;
	struct buf got = { 0 };
	bool same = false;
	size_t i;

	c->req = NULL;
	if (t->status == DNS_SERVFAIL || t->status == DNS_TIMEOUT) {
		log_warn("dkim.unchecked", "name=%s dns=\"%s\"", c->name,
		    dns_status_text(t->status));
		return;
	}
	for (i = 0; i < t->n && !same; i++) {
		buf_clear(&got);
		record_key(t->v[i], &got);
		same = strcmp(buf_str(&got), c->want) == 0;
	}
	if (same)
		log_info("dkim.checked", "name=%s", c->name);
	else
		log_error("dkim.mismatch",
		    "name=%s published=%zu text=\"no record holds this key: "
		    "publish v=DKIM1; p=%s\"",
		    c->name, t->n, c->want);
	buf_fini(&got);
}

struct facteurd_keys_check *
facteurd_keys_check(struct dns *dns,
    const struct mail_dkim *dkim, const struct conf *conf)
{
	struct facteurd_keys_check *k = mem_zalloc(sizeof(*k));
	size_t i;

	k->v = mem_zalloc(conf->ndkim * sizeof(*k->v));
	for (i = 0; i < conf->ndkim; i++) {
		struct check *c = &k->v[k->n];
		struct mail_dkim_key *key = mail_dkim_at(dkim, i);
		struct buf want = { 0 };

		if (!conf->dkim[i].check_dns || key == NULL)
			continue;
		k->n++;
		mail_dkim_public(key, &want);
		c->want = buf_take(&want);
		c->name = mem_strdup(mail_dkim_name(key));
		c->req = dns_txt_lookup(dns, c->name, on_txt, c);
	}
	return k;
}

void
facteurd_keys_check_free(struct facteurd_keys_check **kp)
{
	struct facteurd_keys_check *k = *kp;
	size_t i;

	*kp = NULL;
	if (k == NULL)
		return;
	for (i = 0; i < k->n; i++) {
		dns_cancel(&k->v[i].req);
		free(k->v[i].name);
		free(k->v[i].want);
	}
	free(k->v);
	free(k);
}
