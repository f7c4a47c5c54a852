/*
 * 8-bit content for a peer without 8BITMIME (RFC 6152 3): leaf parts become
 * quoted-printable or base64, the result is 7-bit and must be signed again.
 */
#ifndef MAIL_ENCODE_H
#define MAIL_ENCODE_H

#include "base/buf.h"
#include "base/err.h"

/* -1: this content can't be made 7-bit (8-bit header, signed multipart). */
int mail_encode_7bit(struct view content, struct buf *out, struct err *e);

#endif
