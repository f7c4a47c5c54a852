/*
 * The commands of a transaction as bytes, and dot-stuffing.
 */
#ifndef SMTP_CLIENT_CMD_H
#define SMTP_CLIENT_CMD_H

#include <stdbool.h>

#include "base/buf.h"

struct smtp_client_caps;
struct smtp_client_rcpt;
struct smtp_client_tx;

/* Parameters go only to a peer that offers their extension. */
void smtp_client_cmd_mail(struct buf *out, const struct smtp_client_tx *tx,
    const struct smtp_client_caps *caps);
void smtp_client_cmd_rcpt(struct buf *out, const struct smtp_client_rcpt *rc,
    const struct smtp_client_caps *caps);
/* RFC 5321 4.5.2: a dot that begins a line is doubled.  line_start: the piece
 * begins one; becomes whether what follows it does.  Content is cut anywhere,
 * so *cr keeps whether the piece ended in CR. */
void smtp_client_cmd_stuff(
    struct buf *out, struct view piece, bool *line_start, bool *cr);

#endif
