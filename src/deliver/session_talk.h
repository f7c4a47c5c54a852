/*
 * The conversation of a session with its peer.
 */
#ifndef DELIVER_SESSION_TALK_H
#define DELIVER_SESSION_TALK_H

struct conn_ops;
struct deliver_session;

extern const struct conn_ops deliver_session_talk_ops;
/* Does what can be done now: starts, reports, pulls, quits. */
void deliver_session_talk_drive(struct deliver_session *s);

#endif
