#include "config.h"
#include "submit/edit.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/rand.h"
#include "conf/conf.h"
#include "submit/submit.h"

/* What the client said of itself, as a word that can't end the field. */
static void
add_word(struct buf *out, struct view v)
{
	size_t i;

	v = view_head(v, 255);
	for (i = 0; i < v.n; i++) {
		char c = v.p[i];

		buf_addc(out, c <= 32 || c >= 127 || c == ';' || c == '(' ||
			c == ')' ? '?' : c);
	}
}

/* RFC 5321 4.4.  A hidden submitter, and our own report, have no from
 * clause. */
static void
add_received(struct buf *out, const struct submit_message *m)
{
	bool hide = m->report || (m->tenant && m->tenant->hide_submitter);
	struct view client = view_str(m->client);
	char date[CLOCK_RFC5322_MAX];

	buf_adds(out, "Received: ");
	if (!hide) {
		buf_adds(out, "from ");
		add_word(out,
		    m->helo && *m->helo ? view_str(m->helo) : VIEW("unknown"));
		if (client.n) {
			buf_adds(out, view_chr(client, ':') < 0 ?
			    " ([" : " ([IPv6:");
			add_word(out, client);
			buf_adds(out, "])");
		}
		buf_adds(out, "\r\n\t");
	}
	buf_addf(out, "by %s with %s", m->hostname ? m->hostname : "localhost",
	    m->protocol ? m->protocol : "ESMTP");
	if (m->tls && *m->tls && !hide)
		buf_addf(out, "\r\n\t(%s)", m->tls);
	clock_rfc5322(clock_now(), date);
	buf_addf(out, ";\r\n\t%s\r\n", date);
}

/* Counts the field in; true when it stays in the message. */
static bool
note_field(struct submit_edit *d, const struct mail_field *f)
{
	static const struct {
		struct view name;
		enum { RECEIVED, FROM, DATE, ID, DROP } what;
	} row[] = {
		{ VIEW("received"), RECEIVED },
		{ VIEW("from"), FROM },
		{ VIEW("date"), DATE },
		{ VIEW("message-id"), ID },
		{ VIEW("bcc"), DROP },
		{ VIEW("resent-bcc"), DROP },
	};
	size_t i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		if (!view_ieq(f->name, row[i].name))
			continue;
		switch (row[i].what) {
		case RECEIVED:
			d->hops++;
			return true;
		case FROM:
			d->nfrom++;
			return true;
		case DATE:
			d->has_date = true;
			return true;
		case ID:
			d->has_id = true;
			return true;
		case DROP:
			return false;
		}
	}
	return true;
}

/* As RFC 6409 8 allows a submission server; without From: the envelope sender
 * is taken, and must pass the tenant's rules like any other. */
static void
add_missing(struct submit_edit *d, const struct submit_message *m,
    struct buf *out)
{
	char date[CLOCK_RFC5322_MAX];

	if (d->nfrom == 0 && m->sender.text[0] && !m->report) {
		buf_addf(out, "From: <%s>\r\n", m->sender.text);
		d->nfrom = 1;
	}
	if (!d->has_date) {
		clock_rfc5322(clock_now(), date);
		buf_addf(out, "Date: %s\r\n", date);
	}
	if (!d->has_id)
		buf_addf(out, "Message-ID: <%" PRIx64 ".%016" PRIx64 "@%s>\r\n",
		    (uint64_t)clock_now(), rand_u64(),
		    m->hostname ? m->hostname : "localhost");
}

int
submit_edit(struct submit_edit *d, const struct conf *conf,
    const struct submit_message *m, struct buf *out, struct err *e)
{
	struct view content = buf_view(&m->content);
	size_t header_bytes = mail_header_bytes(content);
	struct view at = view_head(content, header_bytes);
	struct mail_field f;
	int rc;

	buf_reserve(out, content.n + 1024);
	add_received(out, m);
	while ((rc = mail_header_next(&at, &f)) == 1) {
		/* A report carries no wishes of a client. */
		int control = m->report ?
		    0 : submit_control_read(&d->control, conf, &f, e);

		if (control == -1)
			return -1;
		if (control == 1 || !note_field(d, &f))
			continue;
		buf_addv(out, f.raw);
		/* The last line of a header without a body may lack its end. */
		if (f.raw.p[f.raw.n - 1] != '\n')
			buf_adds(out, "\r\n");
	}
	if (rc == -1)
		return err_set(e, "a line of the header is no header field");
	if (d->control.expires_ms &&
	    d->control.expires_ms <= d->control.not_before_ms)
		return err_set(e, "%s is not after %s", conf->headers.expires,
		    conf->headers.not_before);
	add_missing(d, m, out);
	buf_adds(out, "\r\n");
	buf_addv(out, view_skip(content, header_bytes));
	return 0;
}
