#include "config.h"
#include "mail/report.h"

#include <string.h>

#include "base/clock.h"
#include "mail/header.h"

/* Original content quoted back at most; what is longer is cut to its header. */
#define FULL_MAX (256 * 1024)

static const struct {
	const char *action; /* RFC 3464 2.3.3 */
	const char *subject;
	const char *intro;
} kinds[] = {
	[MAIL_REPORT_FAILED] = { "failed", "Undelivered mail",
	    "Your message could not be delivered to the recipient below, and "
	    "delivery\r\nwill not be tried again.\r\n" },
	[MAIL_REPORT_DELAYED] = { "delayed", "Delayed mail",
	    "Your message could not be delivered to the recipient below so "
	    "far. Delivery\r\nis tried again; you need not send it "
	    "again.\r\n" },
	[MAIL_REPORT_RELAYED] = { "relayed", "Relayed mail",
	    "Your message was handed to a system that sends no confirmation "
	    "of delivery.\r\n" },
};

static bool
needs_utf8(const struct mail_report *r)
{
	return mail_header_8bit(view_str(r->rcpt)) ||
	    mail_header_8bit(view_str(r->sender));
}

static void
write_header(const struct mail_report *r, const char *boundary,
    struct buf *out)
{
	char date[CLOCK_RFC5322_MAX];

	clock_rfc5322(r->last_attempt_ms ? r->last_attempt_ms : clock_now(),
	    date);
	buf_addf(out,
	    "From: Mail delivery <postmaster@%s>\r\n"
	    "To: <%s>\r\n"
	    "Subject: %s: %s\r\n"
	    "Date: %s\r\n"
	    "Message-ID: <%s.report@%s>\r\n"
	    "Auto-Submitted: auto-replied\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=%s;\r\n"
	    "\tboundary=\"%s\"\r\n\r\n",
	    r->hostname, r->sender, kinds[r->action].subject, r->rcpt, date,
	    r->id, r->hostname,
	    needs_utf8(r) ? "global-delivery-status" : "delivery-status",
	    boundary);
}

/* Text of a peer may have line ends and be long: one field, folded. */
static void
add_field_text(const char *s, struct buf *out)
{
	size_t col = 0;

	for (; *s; s++) {
		if (*s == '\r')
			continue;
		if (*s == '\n' || (col > 200 && *s == ' ')) {
			buf_adds(out, "\r\n ");
			col = 0;
		} else {
			buf_addc(out, *s);
			col++;
		}
	}
	buf_adds(out, "\r\n");
}

static void
write_text(const struct mail_report *r, struct buf *out)
{
	buf_addf(out, "Content-Type: text/plain; charset=utf-8\r\n"
		      "Content-Transfer-Encoding: 8bit\r\n\r\n"
		      "This is the mail system at %s.\r\n\r\n%s\r\n"
		      "    <%s>\r\n",
	    r->hostname, kinds[r->action].intro, r->rcpt);
	if (r->diagnostic) {
		buf_addf(out, "\r\n%s%s%s:\r\n    ",
		    r->remote_mta ? "What " : "The reason",
		    r->remote_mta ? r->remote_mta : "",
		    r->remote_mta ? " said" : "");
		add_field_text(r->diagnostic, out);
	}
}

static void
add_date(const char *name, int64_t ms, struct buf *out)
{
	char date[CLOCK_RFC5322_MAX];

	if (ms == 0)
		return;
	clock_rfc5322(ms, date);
	buf_addf(out, "%s: %s\r\n", name, date);
}

/* RFC 3464 2.2 and 2.3; RFC 6533 3 where the address is not ASCII. */
static void
write_status(const struct mail_report *r, struct buf *out)
{
	bool utf8 = needs_utf8(r);

	buf_addf(out, "Content-Type: message/%s\r\n",
	    utf8 ? "global-delivery-status" : "delivery-status");
	if (utf8)
		buf_adds(out, "Content-Transfer-Encoding: 8bit\r\n");
	buf_addf(out, "\r\nReporting-MTA: dns; %s\r\n", r->hostname);
	if (r->envid)
		buf_addf(out, "Original-Envelope-Id: %s\r\n", r->envid);
	buf_addf(out, "X-Facteur-Id: %s\r\n", r->id);
	add_date("Arrival-Date", r->arrival_ms, out);
	buf_adds(out, "\r\n");
	if (r->orcpt)
		buf_addf(out, "Original-Recipient: %s\r\n", r->orcpt);
	buf_addf(out, "Final-Recipient: %s; %s\r\nAction: %s\r\nStatus: %s\r\n",
	    utf8 ? "utf-8" : "rfc822", r->rcpt, kinds[r->action].action,
	    r->status);
	if (r->remote_mta)
		buf_addf(out, "Remote-MTA: dns; %s\r\n", r->remote_mta);
	if (r->diagnostic) {
		buf_addf(out, "Diagnostic-Code: %s; ",
		    r->remote_mta ? "smtp" : "X-Facteur");
		add_field_text(r->diagnostic, out);
	}
	add_date("Last-Attempt-Date", r->last_attempt_ms, out);
	add_date("Will-Retry-Until", r->will_retry_until_ms, out);
}

static void
write_original(const struct mail_report *r, struct buf *out)
{
	size_t head = mail_header_bytes(r->original);
	bool full = r->full && r->original.n <= FULL_MAX;
	struct view v = full ? r->original : view_head(r->original, head);

	buf_addf(out, "Content-Type: %s\r\n",
	    full ? (mail_header_8bit(view_head(r->original, head))
			? "message/global"
			: "message/rfc822")
		 : (mail_header_8bit(v) ? "message/global-headers"
					: "text/rfc822-headers"));
	buf_addf(out, "Content-Transfer-Encoding: %s\r\n\r\n",
	    mail_header_8bit(v) ? "8bit" : "7bit");
	buf_addv(out, v);
	if (!view_iends(v, VIEW("\r\n")))
		buf_adds(out, "\r\n");
}

void
mail_report_write(const struct mail_report *r, struct buf *out)
{
	char boundary[64] = "facteur-report-";
	size_t n = strlen(boundary), i;

	/* Ours alone: the id is in no message before this one. */
	for (i = 0; r->id[i] && n + 1 < sizeof(boundary); i++)
		boundary[n++] = r->id[i];
	boundary[n] = '\0';
	write_header(r, boundary, out);
	buf_addf(out, "--%s\r\n", boundary);
	write_text(r, out);
	buf_addf(out, "\r\n--%s\r\n", boundary);
	write_status(r, out);
	buf_addf(out, "\r\n--%s\r\n", boundary);
	write_original(r, out);
	buf_addf(out, "\r\n--%s--\r\n", boundary);
}
