/*
 * libopendkim parses its key anew for every message, which costs more than the
 * signature.  mail/pem.c defines PEM_read_bio_PrivateKey, which libopendkim
 * calls through the PLT, with a cache of parsed keys per thread.
 */
#ifndef MAIL_PEM_H
#define MAIL_PEM_H

/* Keys that this thread took from the cache so far. */
unsigned long mail_pem_hits(void);

#endif
