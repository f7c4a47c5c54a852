/*
 * Intrusive doubly linked list.  A struct embeds `struct list link`; a list
 * head is a struct list whose ends point at itself.  A link that is all zero
 * is on no list.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next;
	struct list *prev;
};

#define LIST_ENTRY(l, type, member)                                            \
	((type *)(void *)((char *)(l)-offsetof(type, member)))
/* Safe against removal of the entry itself, not of its neighbour. */
#define LIST_FOREACH(it, tmp, head)                                            \
	for (it = (head)->next, tmp = it->next; it != (head);                  \
	    it = tmp, tmp = it->next)

static inline void
list_init(struct list *head)
{
	head->next = head->prev = head;
}

static inline bool
list_empty(const struct list *head)
{
	return head->next == head || head->next == NULL;
}

static inline bool
list_linked(const struct list *l)
{
	return l->next != NULL;
}

static inline void
list_insert_after(struct list *at, struct list *l)
{
	l->prev = at;
	l->next = at->next;
	at->next->prev = l;
	at->next = l;
}

static inline void
list_append(struct list *head, struct list *l)
{
	list_insert_after(head->prev, l);
}

static inline void
list_prepend(struct list *head, struct list *l)
{
	list_insert_after(head, l);
}

/* May be called for a link that is on no list. */
static inline void
list_remove(struct list *l)
{
	if (l->next == NULL)
		return;
	l->next->prev = l->prev;
	l->prev->next = l->next;
	l->next = l->prev = NULL;
}

/* Takes the first link off, or returns NULL. */
static inline struct list *
list_pop(struct list *head)
{
	struct list *l = head->next;

	if (list_empty(head))
		return NULL;
	list_remove(l);
	return l;
}

#endif
