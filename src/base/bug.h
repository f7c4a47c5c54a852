/*
 * BUG_ON states what only a mistake of ours can break; it stays on in
 * releases.  A peer, Redis, DNS or the disk must never be able to reach one.
 */
#ifndef BASE_BUG_H
#define BASE_BUG_H

#define BUG_ON(cond)                                                           \
	do {                                                                   \
		if (__builtin_expect(!!(cond), 0))                             \
			bug_die(#cond, __FILE__, __LINE__);                    \
	} while (0)

void bug_die(const char *what, const char *file, int line)
    __attribute__((noreturn));

#endif
