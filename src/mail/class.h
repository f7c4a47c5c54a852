/*
 * What a reply means: class and disposition.  A first table by stage, code,
 * enhanced status and words; the rules of providers come from conf/.
 */
#ifndef MAIL_CLASS_H
#define MAIL_CLASS_H

#include <stdbool.h>

enum mail_class {
	MAIL_CLASS_NONE,
	MAIL_CLASS_BAD_MAILBOX,   /* 5.1.1 and its kin: never mail again */
	MAIL_CLASS_BAD_DOMAIN,    /* no such domain, null MX */
	MAIL_CLASS_INACTIVE,      /* disabled, moved */
	MAIL_CLASS_MAILBOX_FULL,
	MAIL_CLASS_POLICY,        /* spam, reputation, block list */
	MAIL_CLASS_AUTHENTICATION,/* SPF, DKIM, DMARC, PTR */
	MAIL_CLASS_CONTENT,       /* too big, not this format */
	MAIL_CLASS_RATE,          /* too much, too fast, greylisting */
	MAIL_CLASS_CONNECTION,    /* unreachable, TLS, protocol */
	MAIL_CLASS_EXPIRED,
	MAIL_CLASS_OTHER
};

enum mail_stage {
	MAIL_STAGE_DNS,
	MAIL_STAGE_CONNECT,
	MAIL_STAGE_GREETING,
	MAIL_STAGE_HELO,
	MAIL_STAGE_STARTTLS,
	MAIL_STAGE_MAIL,
	MAIL_STAGE_RCPT,
	MAIL_STAGE_DATA,
	MAIL_STAGE_END, /* the reply to the content */
	MAIL_STAGE_LOCAL /* our own decision: expired, no SMTPUTF8 ... */
};

const char *mail_class_name(enum mail_class c);
const char *mail_stage_name(enum mail_stage s);
enum mail_class mail_class_of(enum mail_stage stage, int code,
    const int enhanced[3], const char *text);
/* May this class, given as a permanent failure, condemn the address? */
bool mail_class_condemns(enum mail_class c);

#endif
