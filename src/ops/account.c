#include "config.h"
#include "ops/account.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "deliver/deliver.h"
#include "io/loop.h"
#include "ops/json.h"
#include "stats/stats.h"
#include "store/store.h"

#define KEPT_MAX (16 * 1024 * 1024) /* while the disk takes nothing */
#define RETRY_MS 1000

struct ops_account {
	int fd; /* owned; -1: nothing is written */
	struct loop *loop; /* borrowed */
	struct loop_task flush;
	struct loop_timer retry;
	struct buf out;
	bool failing; /* said once in the log */
};

enum type { TEXT, VIEW_, ID, NUMBER, COUNT, BOOL, ENHANCED, TIME };

/* The fields, in the order of the line. */
/* clang-format off */
#define AT(f) offsetof(struct ops_account_line, f)
static const struct {
	const char *name;
	enum type type;
	size_t at;
	const char *help;
} fields[] = {
	{ "time", TIME, AT(time_ms), "When the outcome was known (UTC)." },
	{ "event", TEXT, AT(event), "sent, deferred, bounced, expired, cancelled, suppressed or parked." },
	{ "id", ID, AT(id), "Of this recipient of the message, as given in the reply to the submission." },
	{ "tenant", TEXT, AT(tenant), "Who submitted it." },
	{ "campaign", TEXT, AT(campaign), "Name of the campaign." },
	{ "list", TEXT, AT(list), "Name of the list, or empty." },
	{ "class", TEXT, AT(class), "bulk or transactional." },
	{ "sender", VIEW_, AT(sender), "Envelope sender; empty for the null sender." },
	{ "recipient", VIEW_, AT(recipient), "Envelope recipient." },
	{ "domain", TEXT, AT(domain), "Recipient domain as A\\-labels." },
	{ "site", TEXT, AT(site), "Destination whose limits applied." },
	{ "source", TEXT, AT(source), "Source block that it was sent from." },
	{ "mx", TEXT, AT(mx), "Host that was asked; empty before one was reached." },
	{ "address", TEXT, AT(address), "Address of that host." },
	{ "tls", TEXT, AT(tls), "TLS version and cipher; empty: in clear." },
	{ "tls_verified", BOOL, AT(tls_verified), "Whether the certificate was checked and right." },
	{ "code", NUMBER, AT(code), "SMTP reply code, of the peer or ours; 0: none." },
	{ "enhanced", ENHANCED, AT(enhanced), "Enhanced status code (RFC 3463), or empty." },
	{ "text", TEXT, AT(text), "Text of the reply; octets that are not UTF\\-8 are replaced." },
	{ "stage", TEXT, AT(stage), "Command that the reply belongs to: dns, connect, greeting, helo, starttls, mail, rcpt, data, end or local." },
	{ "reply_class", TEXT, AT(reply_class), "What the reply was taken to mean." },
	{ "attempt", COUNT, AT(attempt), "Number of the attempt; the first is 1." },
	{ "created", TIME, AT(created_ms), "When the message was accepted." },
	{ "started", TIME, AT(started_ms), "When this attempt began; null: no peer was asked." },
	{ "ended", TIME, AT(ended_ms), "When it ended." },
	{ "next", TIME, AT(next_ms), "When the next attempt is due, of a deferral; else null." },
	{ "bytes", COUNT, AT(bytes), "Octets of content sent." }
};
/* clang-format on */

static void
add_id(struct buf *out, uint64_t id)
{
	char text[STORE_ID_MAX] = "";

	if (id)
		store_record_id_text(id, text);
	buf_addc(out, '"');
	buf_adds(out, text);
	buf_addc(out, '"');
}

static void
add_enhanced(struct buf *out, const int e[3])
{
	if (e[0])
		buf_addf(out, "\"%d.%d.%d\"", e[0], e[1], e[2]);
	else
		buf_adds(out, "\"\"");
}

static void
add_count(struct buf *out, uint64_t v)
{
	char digits[24], *p = digits + sizeof(digits);

	do
		*--p = (char)('0' + v % 10);
	while (v /= 10);
	buf_add(out, p, (size_t)(digits + sizeof(digits) - p));
}

static void
add_field(struct buf *out, enum type type, const void *f)
{
	switch (type) {
	case TEXT:
		ops_json_string(out, view_str(*(const char *const *)f));
		return;
	case VIEW_:
		ops_json_string(out, *(const struct view *)f);
		return;
	case ID:
		add_id(out, *(const uint64_t *)f);
		return;
	case NUMBER:
		add_count(out, (uint64_t)(unsigned)*(const int *)f);
		return;
	case COUNT:
		add_count(out, *(const uint64_t *)f);
		return;
	case BOOL:
		buf_adds(out, *(const bool *)f ? "true" : "false");
		return;
	case ENHANCED:
		add_enhanced(out, f);
		return;
	case TIME:
		ops_json_time(out, *(const int64_t *)f);
		return;
	}
}

void
ops_account_format(const struct ops_account_line *l, struct buf *out)
{
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		buf_add(out, i ? ",\"" : "{\"", 2);
		buf_adds(out, fields[i].name);
		buf_add(out, "\":", 2);
		add_field(out, fields[i].type,
		    (const char *)l + fields[i].at);
	}
	buf_add(out, "}\n", 2);
}

void
ops_account_reference(struct buf *out)
{
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		buf_addf(out, ".TP\n.B %s\n%s\n", fields[i].name,
		    fields[i].help);
}

/* --- the file ---------------------------------------------------------- */

static void
flush(void *arg)
{
	struct ops_account *a = arg;
	ssize_t n = 0;

	while (a->out.n) {
		n = write(a->fd, buf_ptr(&a->out), a->out.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		buf_drop(&a->out, (size_t)n);
	}
	if (a->out.n == 0) {
		if (a->failing)
			log_info("account.writes", "the file is written again");
		a->failing = false;
		return;
	}
	if (!a->failing)
		log_error("account.failed", "error=%s kept=%zu",
		    log_q(view_str(n < 0 ? strerror(errno) : "short write")),
		    a->out.n);
	a->failing = true;
	loop_timer_start(&a->retry, RETRY_MS);
}

void
ops_account_add(struct ops_account *a, const struct ops_account_line *l)
{
	if (a == NULL || a->fd < 0)
		return;
	if (a->out.n > KEPT_MAX) {
		stats_add(STATS_ACCOUNT_LOST, 1);
		return;
	}
	ops_account_format(l, &a->out);
	if (!a->failing)
		loop_defer(a->loop, &a->flush, flush, a);
}

static void
from_result(struct ops_account_line *l, const struct deliver_result *r)
{
	l->source = r->source;
	l->mx = r->mx;
	l->address = r->address;
	l->tls = r->tls;
	l->tls_verified = r->tls_verified;
	l->code = r->code;
	memcpy(l->enhanced, r->enhanced, sizeof(l->enhanced));
	l->text = r->text;
	l->stage = mail_stage_name(r->stage);
	l->started_ms = r->started_ms;
	l->ended_ms = r->ended_ms;
	l->bytes = r->bytes;
}

void
ops_account_write(void *account, const struct deliver_outcome *o)
{
	struct ops_account *a = account;
	const struct store_lease *lease = o->job->lease;
	const struct store_campaign *c = o->job->campaign;
	struct ops_account_line l = { .event = o->event,
		.id = lease->record.id,
		.sender = lease->record.sender,
		.recipient = lease->record.rcpt,
		.domain = lease->domain,
		.site = o->site,
		.attempt = lease->record.attempt + 1u,
		.time_ms = clock_now(),
		.created_ms = lease->record.created_ms,
		.next_ms = o->next_attempt_ms };

	if (a == NULL || a->fd < 0)
		return;
	if (c) {
		l.tenant = c->tenant;
		l.campaign = c->name;
		l.list = c->list;
		l.class = c->class == STORE_BULK ? "bulk" : "transactional";
	}
	if (o->class != MAIL_CLASS_NONE)
		l.reply_class = mail_class_name(o->class);
	if (o->result)
		from_result(&l, o->result);
	ops_account_add(a, &l);
}

static int
open_file(const char *path, int *fd, struct err *e)
{
	*fd = -1;
	if (path == NULL || path[0] == '\0')
		return 0;
	/* O_NONBLOCK: a FIFO without a reader must not hold us. */
	*fd = open(path,
	    O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC, 0640);
	if (*fd < 0)
		return err_set(e, "%s: %s", path, strerror(errno));
	return 0;
}

struct ops_account *
ops_account_open(struct loop *l, const char *path, struct err *e)
{
	struct ops_account *a;
	int fd;

	if (open_file(path, &fd, e))
		return NULL;
	a = mem_zalloc(sizeof(*a));
	a->fd = fd;
	a->loop = l;
	loop_timer_init(&a->retry, l, flush, a);
	return a;
}

int
ops_account_reopen(struct ops_account *a, const char *path, struct err *e)
{
	int fd;

	if (open_file(path, &fd, e))
		return -1;
	if (a->fd >= 0) {
		flush(a);
		close(a->fd);
	}
	a->fd = fd;
	if (fd < 0)
		buf_clear(&a->out);
	return 0;
}

static void
release(void *p)
{
	free(p);
}

void
ops_account_close(struct ops_account **ap)
{
	struct ops_account *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	if (a->fd >= 0) {
		flush(a);
		close(a->fd);
	}
	loop_undefer(&a->flush);
	loop_timer_stop(&a->retry);
	buf_fini(&a->out);
	loop_bury(a->loop, a, release);
}
