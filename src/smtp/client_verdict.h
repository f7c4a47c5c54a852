/*
 * What a reply means for the recipients and for the session.  The reply is
 * the engine's current one, the stage that of its state.
 */
#ifndef SMTP_CLIENT_VERDICT_H
#define SMTP_CLIENT_VERDICT_H

#include "smtp/client_state.h"

bool smtp_client_verdict_ok(const struct smtp_client *c); /* 2xx */
enum smtp_client_verdict smtp_client_verdict_of(const struct smtp_client *c);
void smtp_client_verdict_set(struct smtp_client *c,
    struct smtp_client_result *to, enum smtp_client_verdict v);
/* For all recipients still undecided, or those of them that RCPT accepted. */
void smtp_client_verdict_all(
    struct smtp_client *c, enum smtp_client_verdict v, bool accepted_only);
/* These end the session; they return the state for that. */
enum smtp_client_state
smtp_client_verdict_end(struct smtp_client *c, enum smtp_client_verdict v);
enum smtp_client_state smtp_client_verdict_refused(struct smtp_client *c);
enum smtp_client_state smtp_client_verdict_fail(
    struct smtp_client *c, int subject, int detail, const char *text);
enum smtp_client_state smtp_client_verdict_misplaced(struct smtp_client *c);

#endif
