#include "config.h"
#include "store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/mem.h"
#include "store/record.h"

#define TURN_BYTES (4 * 1024 * 1024) /* a file this long is left alone */
#define READ_BYTES (256 * 1024)

struct file {
	int fd; /* owned */
	char *path; /* owned */
	size_t bytes; /* written */
	size_t open; /* outcomes not confirmed, gathered ones too */
};

struct store_journal {
	struct file file[2];
	unsigned active;
	struct buf lines; /* for the active file, not yet written */
};

static const char codes[] = "kdbxfcrp";

static int
parse_text(struct view *line, char *out, size_t cap)
{
	struct view w = view_cut(line, ' ');

	if (w.n == 0 || w.n >= cap || memchr(w.p, '\0', w.n))
		return -1;
	if (w.n == 1 && w.p[0] == '-')
		w.n = 0;
	memcpy(out, w.p, w.n);
	out[w.n] = '\0';
	return 0;
}

int
store_journal_parse(const struct view *whole, struct store_journal_entry *x)
{
	struct view line = *whole, code;
	uint64_t shard, attempt;

	*x = (struct store_journal_entry){ 0 };
	if (view_u64(view_cut(&line, ' '), &shard) || shard > 9999 ||
	    store_record_id_parse(view_cut(&line, ' '), &x->id) ||
	    view_u64(view_cut(&line, ' '), &attempt) || attempt > UINT16_MAX)
		return -1;
	code = view_cut(&line, ' ');
	if (code.n != 1 || !strchr(codes, code.p[0]) || code.p[0] == '\0' ||
	    parse_text(&line, x->a, sizeof(x->a)) || line.n != 0)
		return -1;
	x->shard = (unsigned)shard;
	x->attempt = (uint16_t)attempt;
	x->code = code.p[0];
	return 0;
}

static void
replay_lines(struct store_journal *j, unsigned no, struct buf *b,
    void (*each)(void *arg, const struct store_journal_entry *x), void *arg)
{
	struct store_journal_entry x;
	struct view v = buf_view(b), line;
	ptrdiff_t end;

	while ((end = view_chr(v, '\n')) >= 0) {
		line = view_head(v, (size_t)end);
		v = view_skip(v, (size_t)end + 1);
		if (store_journal_parse(&line, &x))
			continue; /* not ours: the rest still counts */
		x.file = (unsigned char)no;
		j->file[no].open++;
		each(arg, &x);
	}
	buf_drop(b, b->n - v.n);
}

static int
replay(struct store_journal *j, unsigned no,
    void (*each)(void *arg, const struct store_journal_entry *x), void *arg,
    struct err *e)
{
	struct file *f = &j->file[no];
	struct buf b = { 0 };
	ssize_t n;

	while ((n = read(f->fd, buf_reserve(&b, READ_BYTES), READ_BYTES)) > 0) {
		f->bytes += (size_t)n;
		buf_grown(&b, (size_t)n);
		replay_lines(j, no, &b, each, arg);
	}
	if (n == 0 && b.n) { /* the torn tail must not be continued */
		f->bytes -= b.n;
		n = ftruncate(f->fd, (off_t)f->bytes);
	}
	buf_fini(&b);
	return n < 0 ? err_set(e, "%s: %s", f->path, strerror(errno)) : 0;
}

static int
file_open(struct file *f, const char *path, unsigned no, struct err *e)
{
	f->path = mem_printf("%s.%u", path, no);
	f->fd = open(f->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (f->fd < 0)
		return err_set(e, "%s: %s", f->path, strerror(errno));
	return 0;
}

struct store_journal *
store_journal_open(const char *path,
    void (*each)(void *arg, const struct store_journal_entry *j), void *arg,
    struct err *e)
{
	struct store_journal *j = mem_zalloc(sizeof(*j));
	unsigned i;

	j->file[0].fd = j->file[1].fd = -1;
	for (i = 0; i < 2; i++) {
		if (file_open(&j->file[i], path, i, e) ||
		    replay(j, i, each, arg, e)) {
			store_journal_close(&j);
			return NULL;
		}
	}
	return j;
}

void
store_journal_close(struct store_journal **jp)
{
	struct store_journal *j = *jp;
	unsigned i;

	if (j == NULL)
		return;
	store_journal_flush(j, NULL);
	for (i = 0; i < 2; i++) {
		if (j->file[i].fd >= 0)
			close(j->file[i].fd);
		free(j->file[i].path);
	}
	buf_fini(&j->lines);
	free(j);
	*jp = NULL;
}

/* Nothing in it is needed any more.  A failure leaves old lines, which replay
 * ignores. */
static void
cut(struct store_journal *j, unsigned no)
{
	struct file *f = &j->file[no];

	if (no == j->active)
		buf_clear(&j->lines);
	if (f->bytes && ftruncate(f->fd, 0) == 0)
		f->bytes = 0;
}

static void
take_turns(struct store_journal *j)
{
	struct file *f = &j->file[j->active];
	unsigned other = !j->active;

	if (f->bytes < TURN_BYTES || j->lines.n || j->file[other].open)
		return;
	cut(j, other);
	j->active = other;
}

void
store_journal_add(struct store_journal *j, struct store_journal_entry *x)
{
	char id[STORE_ID_MAX];
	char *at;
	int n;

	take_turns(j);
	store_record_id_text(x->id, id);
	at = buf_reserve(&j->lines, 128);
	n = snprintf(at, 128, "%u %s %u %c %s\n", x->shard, id, x->attempt,
	    x->code, x->a[0] ? x->a : "-");
	BUG_ON(n < 0 || n >= 128);
	buf_grown(&j->lines, (size_t)n);
	x->file = (unsigned char)j->active;
	j->file[j->active].open++;
}

int
store_journal_flush(struct store_journal *j, struct err *e)
{
	struct file *f = &j->file[j->active];
	ssize_t n;

	while (j->lines.n) {
		n = write(f->fd, buf_ptr(&j->lines), j->lines.n);
		if (n < 0)
			return err_set(e, "%s: %s", f->path, strerror(errno));
		f->bytes += (size_t)n;
		buf_drop(&j->lines, (size_t)n);
	}
	return 0;
}

void
store_journal_confirm(struct store_journal *j, unsigned char no)
{
	BUG_ON(no > 1 || j->file[no].open == 0);
	if (--j->file[no].open == 0)
		cut(j, no);
}

size_t
store_journal_bytes(const struct store_journal *j)
{
	return j->file[0].bytes + j->file[1].bytes + j->lines.n;
}

size_t
store_journal_open_entries(const struct store_journal *j)
{
	return j->file[0].open + j->file[1].open;
}
