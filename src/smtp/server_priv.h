/*
 * What the files of the server engine share.  Each command and each answer
 * returns the next state; smtp_server_enter() alone writes it.
 */
#ifndef SMTP_SERVER_PRIV_H
#define SMTP_SERVER_PRIV_H

#include "smtp/server.h"

enum smtp_server_state {
	SMTP_SERVER_COMMAND,
	SMTP_SERVER_SKIP, /* the rest of a line that is too long */
	SMTP_SERVER_CREDENTIALS,
	SMTP_SERVER_CONTENT,
	SMTP_SERVER_CHUNK,
	SMTP_SERVER_WAIT, /* for the owner's answer */
	SMTP_SERVER_HANDSHAKE,
	SMTP_SERVER_CLOSED,
	SMTP_SERVER_STATES
};

enum smtp_server_hello { HELLO_NONE, HELLO_HELO, HELLO_EHLO };
enum smtp_server_auth { AUTH_PLAIN, AUTH_LOGIN_USER, AUTH_LOGIN_PASSWORD };

struct smtp_server_content { /* the content that is coming in */
	bool bol;      /* right behind a CRLF: here a dot counts */
	bool fresh;    /* behind any end of line */
	bool body;     /* the header is over */
	bool cr;       /* the last chunk ended in CR */
	bool spoiled;  /* refused already; only its end is looked for */
	bool chunking; /* BDAT has begun */
	bool last;
	int code;      /* of the refusal */
	char text[128];
	size_t line_bytes;
	uint64_t chunk_left;
	uint64_t chunk_bytes;
	int64_t since; /* clock_mono() of its begin */
};

struct smtp_server {
	const struct smtp_server_rules *rules; /* borrowed */
	enum smtp_server_state state;
	enum smtp_server_event asked; /* the question that is open */
	enum smtp_server_event news;  /* the next run returns it */
	struct buf *out;              /* borrowed, during a call */
	bool secure;
	bool authed;
	bool draining;
	enum smtp_server_hello hello;
	char *helo;                   /* owned, NULL before */
	enum smtp_server_auth auth;
	/* transaction */
	bool mail;                    /* MAIL was accepted */
	bool rcpt_refused;
	size_t answered;              /* recipients, of an LMTP message */
	struct smtp_server_tx tx;
	struct smtp_server_content content;
	/* counters */
	unsigned messages;
	unsigned errors;
	int64_t began;                /* clock_mono() */
	int64_t touched;
};

/* server.c */
void smtp_server_enter(struct smtp_server *s, enum smtp_server_state to);
void smtp_server_reply(struct smtp_server *s, int code, const char *text);
/* A refusal that counts as an error; one too many closes. */
enum smtp_server_state smtp_server_error(struct smtp_server *s, int code,
    const char *text);
enum smtp_server_state smtp_server_ask(struct smtp_server *s,
    enum smtp_server_event question);
/* The transaction is over; told to the owner unless that knows. */
void smtp_server_end_tx(struct smtp_server *s, bool tell);

/* server_verbs.c */
enum smtp_server_state smtp_server_verbs_run(struct smtp_server *s,
    struct view line);

/* server_mail.c */
enum smtp_server_state smtp_server_mail_from(struct smtp_server *s,
    struct view arg);
enum smtp_server_state smtp_server_mail_to(struct smtp_server *s,
    struct view arg);
enum smtp_server_state smtp_server_mail_answer(struct smtp_server *s, int code,
    const char *text);
enum smtp_server_state smtp_server_mail_rcpt_answer(struct smtp_server *s,
    int code, const char *text);

/* server_auth.c */
bool smtp_server_auth_allowed(const struct smtp_server *s);
enum smtp_server_state smtp_server_auth_begin(struct smtp_server *s,
    struct view arg);
enum smtp_server_state smtp_server_auth_line(struct smtp_server *s,
    struct view line);
enum smtp_server_state smtp_server_auth_answer(struct smtp_server *s, int code,
    const char *text);
void smtp_server_auth_forget(struct smtp_server *s);

/* server_content.c */
enum smtp_server_state smtp_server_content_data(struct smtp_server *s,
    struct view arg);
enum smtp_server_state smtp_server_content_bdat(struct smtp_server *s,
    struct view arg);
enum smtp_server_state smtp_server_content_go(struct smtp_server *s, int code,
    const char *text);
enum smtp_server_state smtp_server_content_answer(struct smtp_server *s,
    int code, const char *text);
/* Steps of the states: true when something was done. */
bool smtp_server_content_step(struct smtp_server *s, struct buf *in);
bool smtp_server_content_chunk_step(struct smtp_server *s, struct buf *in);
void smtp_server_content_spoil(struct smtp_server *s, int code,
    const char *text);

/* server_scan.c: smtp_server_scan() takes content off v, up to its end (dots) or the end of the
 * piece.  Returns how much; what is left needs the next octets to be told.
 * closed: no octets of this piece will follow. */
size_t smtp_server_scan(struct smtp_server *s, struct view v, bool dots,
    bool closed, bool *end);
/* The content is whole: what could only be seen now. */
void smtp_server_scan_finish(struct smtp_server *s);

#endif
