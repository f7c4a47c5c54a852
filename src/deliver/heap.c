#include "config.h"

#include "deliver/heap.h"

#include <stdlib.h>

#include "base/mem.h"

void
deliver_heap_fini(struct deliver_heap *h)
{
	free(h->v);
	h->v = NULL;
	h->n = h->cap = 0;
}

static void
place(struct deliver_heap *h, size_t at, struct deliver_heap_node *node)
{
	h->v[at - 1] = node;
	node->at = at;
}

static void
rise(struct deliver_heap *h, struct deliver_heap_node *node)
{
	size_t at = node->at;

	while (at > 1 && h->v[at / 2 - 1]->due_ms > node->due_ms) {
		place(h, at, h->v[at / 2 - 1]);
		at /= 2;
	}
	place(h, at, node);
}

static void
sink(struct deliver_heap *h, struct deliver_heap_node *node)
{
	size_t at = node->at, child;

	while ((child = at * 2) <= h->n) {
		if (child < h->n &&
		    h->v[child]->due_ms < h->v[child - 1]->due_ms)
			child++;
		if (h->v[child - 1]->due_ms >= node->due_ms)
			break;
		place(h, at, h->v[child - 1]);
		at = child;
	}
	place(h, at, node);
}

void
deliver_heap_set(
    struct deliver_heap *h, struct deliver_heap_node *node, int64_t due_ms)
{
	if (node->at == 0) {
		if (h->n == h->cap) {
			h->cap = h->cap == 0 ? 64 : h->cap * 2;
			h->v = mem_realloc(h->v, h->cap * sizeof(h->v[0]));
		}
		h->n++;
		place(h, h->n, node);
	}
	node->due_ms = due_ms;
	rise(h, node);
	sink(h, node);
}

void
deliver_heap_remove(struct deliver_heap *h, struct deliver_heap_node *node)
{
	struct deliver_heap_node *last;
	size_t at = node->at;

	if (at == 0)
		return;
	node->at = 0;
	last = h->v[--h->n];
	if (last == node)
		return;
	place(h, at, last);
	rise(h, last);
	sink(h, last);
}

struct deliver_heap_node *
deliver_heap_pop(struct deliver_heap *h, int64_t now)
{
	struct deliver_heap_node *node;

	if (h->n == 0 || h->v[0]->due_ms > now)
		return NULL;
	node = h->v[0];
	deliver_heap_remove(h, node);
	return node;
}

int64_t
deliver_heap_next_ms(const struct deliver_heap *h)
{
	return h->n == 0 ? -1 : h->v[0]->due_ms;
}
