/*
 * The only source of time.  Tests set it; then it stands still until they
 * move it.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_now(void);  /* ms since 1970-01-01 UTC */
int64_t clock_mono(void); /* ms, never steps back; for deadlines */
/* Both clocks stand at ms from now on; ms < 0 gives them back to the
 * system. */
void clock_set(int64_t ms);

/* RFC 5322 3.3 date, in UTC ("Tue, 24 Nov 2026 07:58:48 +0000"). */
#define CLOCK_RFC5322_MAX 40
void clock_rfc5322(int64_t ms, char out[CLOCK_RFC5322_MAX]);
/* RFC 3339 with ms ("2026-11-24T07:58:48.123Z"). */
#define CLOCK_ISO_MAX 32
void clock_iso(int64_t ms, char out[CLOCK_ISO_MAX]);
/* An RFC 5322 date (obsolete zones too) or an RFC 3339 one, as ms; -1 when
 * the text is neither. */
int clock_parse(const char *text, size_t n, int64_t *ms);

#endif
