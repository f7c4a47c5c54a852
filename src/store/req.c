#include "config.h"

#include "base/mem.h"
#include "store/parts.h"

void *
store_req_new(struct store *s, size_t size, void (*release)(void *req))
{
	struct store_req *r = mem_zalloc(size);

	r->store = s;
	r->release = release;
	list_append(&s->reqs, &r->link);
	return r;
}

void
store_req_end(struct store_req *r)
{
	list_remove(&r->link);
	loop_undefer(&r->task);
	r->cancelled = NULL;
	loop_bury(r->store->loop, r, r->release);
}
