#include "config.h"

#include "../unit/smtp_peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)                                                            \
	do {                                                                   \
		if (!(cond))                                                   \
			abort();                                               \
	} while (0)

static const struct smtp_server_rules rules[] = {
	{ .auth = true, .auth_without_tls = true, .hostname = "mx.test",
	    .max_recipients = 100, .max_errors = 50, .max_hops = 30,
	    .max_line_bytes = 1000, .max_header_bytes = 10000,
	    .max_message_bytes = 100000, .idle_ms = 60000,
	    .session_ms = 600000, .data_ms = 60000 },
	{ .lmtp = true, .normalise = true, .hostname = "mx.test",
	    .max_recipients = 100, .max_errors = 50, .max_line_bytes = 1000,
	    .max_message_bytes = 100000, .idle_ms = 60000,
	    .session_ms = 600000, .data_ms = 60000 },
};

/* Nothing that the engine hands on has a bare CR or LF or a NUL. */
static void
check_content(struct view v)
{
	size_t i;

	CHECK(v.n == 0 || memchr(v.p, '\0', v.n) == NULL);
	for (i = 0; i < v.n; i++) {
		if (v.p[i] == '\n')
			CHECK(i && v.p[i - 1] == '\r');
		if (v.p[i] == '\r')
			CHECK(i + 1 < v.n && v.p[i + 1] == '\n');
	}
}

/* Which of several faults of a content is named may depend on the pieces it
 * comes in; what is accepted may not. */
static void
check_same(struct view a, struct view b)
{
	while (a.n || b.n) {
		struct view x = view_cut(&a, '\n');
		struct view y = view_cut(&b, '\n');

		CHECK(x.n && y.n && x.p[0] == y.p[0]);
	}
}

static void
run(struct smtp_peer *p, const struct smtp_server_rules *r, struct view v,
    size_t piece)
{
	smtp_peer_init(p, r);
	p->late = piece == 3;
	smtp_peer_feed(p, v, piece, r->lmtp);
	check_content(buf_view(&p->mails));
	check_content(buf_view(&p->out));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t k;

	for (k = 0; k < 2; k++) {
		struct smtp_peer a, b;

		run(&a, &rules[k], view_of(data, size), size ? size : 1);
		run(&b, &rules[k], view_of(data, size), 3);
		check_same(buf_view(&a.out), buf_view(&b.out));
		CHECK(view_eq(buf_view(&a.mails), buf_view(&b.mails)));
		smtp_peer_fini(&a);
		smtp_peer_fini(&b);
	}
	return 0;
}
