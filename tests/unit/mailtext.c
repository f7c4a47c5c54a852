/* mailtext undo < content: octets of its plain form and of the list in front
 * mailtext 7bit < content: the content for a peer without 8BITMIME
 * mailtext report ACTION SENDER RCPT [full] < original: a delivery report */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "mail/encode.h"
#include "mail/report.h"
#include "mail/undo.h"

int
main(int argc, char **argv)
{
	struct buf in = { 0 }, out = { 0 };
	struct err e;
	size_t n;

	while ((n = fread(buf_reserve(&in, 65536), 1, 65536, stdin)) > 0)
		buf_grown(&in, n);
	if (argc == 2 && strcmp(argv[1], "undo") == 0) {
		struct buf plain = { 0 };
		struct view at, list;

		mail_undo_plain(buf_view(&in), &plain);
		at = buf_view(&plain);
		if (buf_get_lv(&at, &list) ||
		    mail_undo_redo(buf_view(&plain), in.n, &out, &e) ||
		    !view_eq(buf_view(&in), buf_view(&out)))
			return 1;
		buf_clear(&out);
		buf_addf(&out, "%zu %zu\n", at.n, list.n);
		buf_fini(&plain);
	} else if (argc == 2 && strcmp(argv[1], "7bit") == 0) {
		if (mail_encode_7bit(buf_view(&in), &out, &e)) {
			fprintf(stderr, "%s\n", e.text);
			return 1;
		}
	} else if (argc >= 5 && strcmp(argv[1], "report") == 0) {
		struct mail_report r = { .action = argv[2][0] == 'f'
			    ? MAIL_REPORT_FAILED
			    : argv[2][0] == 'd' ? MAIL_REPORT_DELAYED
						: MAIL_REPORT_RELAYED,
			.hostname = "mta.test",
			.sender = argv[3],
			.rcpt = argv[4],
			.orcpt = "rfc822;orig@y.test",
			.envid = "env 1",
			.status = "5.1.1",
			.remote_mta = "mx.y.test",
			.diagnostic = "550-5.1.1 no\n550 5.1.1 such user",
			.id = "0123456789abc",
			.arrival_ms = 1795507128000,
			.last_attempt_ms = 1795507129000,
			.will_retry_until_ms = argv[2][0] == 'd'
			    ? 1795593528000
			    : 0,
			.full = argc > 5,
			.original = buf_view(&in) };

		mail_report_write(&r, &out);
	} else {
		return 2;
	}
	fwrite(buf_ptr(&out), 1, out.n, stdout);
	buf_fini(&in);
	buf_fini(&out);
	return 0;
}
