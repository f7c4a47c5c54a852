#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "smtp/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)              \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)
#define NRCPT 3

static struct smtp_client_rcpt rcpt[NRCPT];
static struct smtp_client_tx tx;
static unsigned begun;

static void
begin(struct smtp_client *c, struct buf *out)
{
	static const char text[] = ".a\r\nbody\r\n..\r\nlast";
	size_t i;

	memset(&tx, 0, sizeof(tx));
	tx.sender = VIEW("me@y");
	tx.content = view_of(text, sizeof(text) - 1);
	tx.rcpt = rcpt;
	tx.nrcpt = 1 + begun++ % NRCPT;
	for (i = 0; i < tx.nrcpt; i++)
		rcpt[i].address = "a@x";
	smtp_client_start(c, &tx, out);
}

static void
done(struct smtp_client *c)
{
	size_t i;

	CHECK(smtp_client_take(c) == &tx);
	for (i = 0; i < tx.nrcpt; i++) {
		const struct smtp_client_result *r = &rcpt[i].result;

		CHECK(r->verdict != SMTP_CLIENT_UNDECIDED);
		CHECK(r->verdict != SMTP_CLIENT_SENT ||
		      (rcpt[i].accepted && r->code / 100 == 2));
		CHECK(
		    r->verdict != SMTP_CLIENT_TEMPORARY || r->code / 100 == 4);
		CHECK(
		    r->verdict != SMTP_CLIENT_PERMANENT || r->code / 100 == 5);
		CHECK(strlen(r->text) < sizeof(r->text));
	}
}

/* Does what the engine wants; false: it is over. */
static bool
drive(struct smtp_client *c, struct buf *out, size_t pump)
{
	for (;;) {
		smtp_client_pump(c, out, out->n + pump);
		switch (smtp_client_want(c)) {
		case SMTP_CLIENT_READ:
			return true;
		case SMTP_CLIENT_TLS:
			smtp_client_secured(c, out);
			continue;
		case SMTP_CLIENT_DONE:
			done(c);
			continue;
		case SMTP_CLIENT_READY:
			if (begun < 6)
				begin(c, out);
			else
				smtp_client_quit(c, out);
			continue;
		case SMTP_CLIENT_OVER:
			return false;
		}
	}
}

/* The first octet chooses the mode and how the rest is cut: the peer's words,
 * 0 in them moves the clock, 1 loses the connection. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct smtp_client_params p = {.helo = "me",
	    .name = "peer",
	    .timeout_ms = {0, 10, 10, 10, 10, 10, 10}};
	struct buf in = {0}, out = {0};
	struct smtp_client *c;
	int64_t now = 1000;
	size_t i, cut;

	if (size == 0)
		return 0;
	p.lmtp = data[0] & 1;
	p.chunking = data[0] & 2;
	p.tls = (data[0] >> 2) % 3;
	cut = 1 + (data[0] >> 5) * 5;
	begun = 0;
	clock_set(now);
	c = smtp_client_new(&p);
	for (i = 1; i < size; i++) {
		if (data[i] == 0) {
			clock_set(now += 6);
			smtp_client_expired(c);
		} else if (data[i] == 1) {
			smtp_client_lost(c, "reset");
		} else {
			buf_addc(&in, (char)data[i]);
		}
		if (i % cut == 0 || i + 1 == size)
			smtp_client_input(c, &in, &out);
		if (!drive(c, &out, cut))
			break;
		CHECK(out.n < 1 << 20);
	}
	smtp_client_abandon(c, "end");
	CHECK(!drive(c, &out, cut));
	smtp_client_free(&c);
	buf_fini(&in);
	buf_fini(&out);
	clock_set(-1);
	return 0;
}
