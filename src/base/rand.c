#include "config.h"
#include "base/rand.h"

#include <sys/random.h>
#include <time.h>

#include "base/bug.h"

static uint64_t state;

void
rand_seed(uint64_t seed)
{
	state = seed ? seed : 1;
}

/* splitmix64 (Steele, Lea, Flood 2014). */
uint64_t
rand_u64(void)
{
	uint64_t z;

	if (state == 0) {
		if (getrandom(&z, sizeof(z), 0) != (ssize_t)sizeof(z))
			z = (uint64_t)time(NULL);
		rand_seed(z);
	}
	z = (state += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint32_t
rand_below(uint32_t n)
{
	BUG_ON(n == 0);
	return (uint32_t)(((rand_u64() >> 32) * n) >> 32);
}
