/*
 * Inside the client engine: its state, for the files client*.c alone.
 */
#ifndef SMTP_CLIENT_STATE_H
#define SMTP_CLIENT_STATE_H

#include "smtp/client.h"

enum smtp_client_state {
	CL_GREETING,
	CL_EHLO,
	CL_HELO,
	CL_STARTTLS,
	CL_TLS, /* the driver's handshake */
	CL_READY,
	CL_RSET,
	CL_MAIL,
	CL_RCPT,
	CL_DATA,
	CL_BODY, /* DATA's content leaves; a reply now comes too early */
	CL_END,  /* the content has left, or with BDAT leaves */
	CL_QUIT,
	CL_CLOSED,
	CL_STATES
};

struct smtp_client {
	/* identity */
	struct smtp_client_params p;
	/* borrowed */
	struct smtp_client_tx *tx; /* until it is taken back */
	struct buf *out;           /* for one call */
	/* state; only smtp_client_enter() writes it */
	enum smtp_client_state state;
	unsigned char *fifo; /* owned: states whose commands have left, but
			      * whose replies are not due yet */
	size_t nfifo, fifo_at, fifo_cap;
	int64_t deadline;
	struct smtp_reply reply; /* the current one */
	struct smtp_client_caps caps;
	char greeting_name[256], ehlo_name[256];
	bool greeted, secure, failed;
	struct smtp_client_result failure;
	bool need_reset; /* RSET before the next transaction */
	unsigned transactions;
	/* the transaction */
	bool bdat;
	bool refused; /* some command of it was */
	bool mail_ok;
	bool ignore_end;                            /* only the dot was sent */
	bool replied;                               /* anything at all came */
	size_t nsent, nanswered, naccepted, nended; /* recipients */
	size_t content_at;                          /* octets given out */
	bool content_due;                           /* more are to be pumped */
	bool line_start, cr;
};

/* Sends a command; its reply is awaited after those before it. */
void smtp_client_issue(struct smtp_client *c, enum smtp_client_state st);
/* The state whose reply comes next; where none is under way, otherwise, whose
 * command is sent then. */
enum smtp_client_state
smtp_client_follow(struct smtp_client *c, enum smtp_client_state otherwise);
enum smtp_client_stage smtp_client_stage(const struct smtp_client *c);

#endif
