#include "config.h"

#include "smtp/client_cmd.h"

#include <string.h>

#include "smtp/client.h"
#include "smtp/client_caps.h"

static const char *const notify_words[] = {
    "NEVER", "SUCCESS", "FAILURE", "DELAY"};

/* A parameter's value is passed on as it came; one that could break the
 * command line is left out. */
static bool
printable(struct view v)
{
	size_t i;

	for (i = 0; i < v.n; i++)
		if ((unsigned char)v.p[i] <= 32 || v.p[i] == 127)
			return false;
	return v.n > 0;
}

void
smtp_client_cmd_mail(struct buf *out, const struct smtp_client_tx *tx,
    const struct smtp_client_caps *caps)
{
	buf_addv(out, VIEW("MAIL FROM:<"));
	buf_addv(out, tx->sender);
	buf_addc(out, '>');
	if (caps->size)
		buf_addf(out, " SIZE=%zu", tx->content.n);
	if (caps->eightbit && tx->eightbit)
		buf_addv(out, VIEW(" BODY=8BITMIME"));
	if (caps->smtputf8 && tx->smtputf8)
		buf_addv(out, VIEW(" SMTPUTF8"));
	if (caps->dsn && tx->ret == SMTP_CLIENT_RET_FULL)
		buf_addv(out, VIEW(" RET=FULL"));
	if (caps->dsn && tx->ret == SMTP_CLIENT_RET_HDRS)
		buf_addv(out, VIEW(" RET=HDRS"));
	if (caps->dsn && printable(tx->envid)) {
		buf_addv(out, VIEW(" ENVID="));
		buf_addv(out, tx->envid);
	}
	buf_addv(out, VIEW("\r\n"));
}

void
smtp_client_cmd_rcpt(struct buf *out, const struct smtp_client_rcpt *rc,
    const struct smtp_client_caps *caps)
{
	unsigned i;
	char sep = '=';

	buf_addv(out, VIEW("RCPT TO:<"));
	buf_adds(out, rc->address);
	buf_addc(out, '>');
	if (caps->dsn && rc->notify) {
		buf_addv(out, VIEW(" NOTIFY"));
		for (i = 0; i < 4; i++)
			if (rc->notify & 1u << i) {
				buf_addc(out, sep);
				buf_adds(out, notify_words[i]);
				sep = ',';
			}
	}
	if (caps->dsn && printable(rc->orcpt)) {
		buf_addv(out, VIEW(" ORCPT="));
		buf_addv(out, rc->orcpt);
	}
	buf_addv(out, VIEW("\r\n"));
}

void
smtp_client_cmd_stuff(
    struct buf *out, struct view piece, bool *line_start, bool *cr)
{
	const char *p = piece.p, *end = p + piece.n, *from = p;
	bool start = *line_start;

	if (piece.n == 0)
		return;
	/* Most contents have few such lines: one growth is enough. */
	buf_reserve(out, piece.n + piece.n / 64 + 8);
	if (*cr && *p == '\n') {
		start = true;
		p++;
	}
	while (p < end) {
		const char *nl;

		if (start && *p == '.') {
			buf_add(out, from, (size_t)(p - from));
			buf_addc(out, '.');
			from = p;
		}
		start = false;
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			break;
		start = nl > piece.p && nl[-1] == '\r';
		p = nl + 1;
	}
	buf_add(out, from, (size_t)(end - from));
	*line_start = start && p == end;
	*cr = end[-1] == '\r';
}
