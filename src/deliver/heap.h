/*
 * Deadlines: a binary heap of nodes that live in their owners.  An all-zero
 * node is in no heap.
 */
#ifndef DELIVER_HEAP_H
#define DELIVER_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct deliver_heap_node {
	int64_t due_ms;
	size_t at; /* place in the heap, from 1; 0: in none */
	void (*fn)(void *arg);
	void *arg;
};

struct deliver_heap { /* all-zero: empty */
	struct deliver_heap_node **v; /* owned; nodes borrowed */
	size_t n, cap;
};

void deliver_heap_fini(struct deliver_heap *h);
/* Puts in, or moves. */
void deliver_heap_set(struct deliver_heap *h, struct deliver_heap_node *node,
    int64_t due_ms);
void deliver_heap_remove(struct deliver_heap *h,
    struct deliver_heap_node *node);
/* The earliest, taken off when due by now; else NULL. */
struct deliver_heap_node *deliver_heap_pop(struct deliver_heap *h,
    int64_t now);
int64_t deliver_heap_next_ms(const struct deliver_heap *h); /* -1: empty */

#endif
