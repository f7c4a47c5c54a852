/*
 * Randomness for jitter, shuffling and choices.  Not for keys: those come
 * from OpenSSL.  Tests seed it and get the same run again.
 */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include <stdint.h>

void rand_seed(uint64_t seed);
uint64_t rand_u64(void);          /* seeded from getrandom(2) at first use */
uint32_t rand_below(uint32_t n);  /* 0 .. n-1; n >= 1 */

#endif
