/*
 * The outcome journal: final outcomes and deferrals on the local disk before
 * Redis hears of them, so that a killed daemon sends nothing twice that it
 * knew to be done.
 *
 * Two files in turn (PATH.0, PATH.1), each a run of lines
 *
 *     SHARD ID ATTEMPT CODE A LF
 *
 * shard, attempt: decimal; id: 13 letters and digits; code: one letter of
 * queue/README.md; a: its argument, "-" when empty.  A last line without
 * LF was cut by a crash and says nothing.  Order does not matter: an outcome
 * names (id, attempt), and the queue ignores one that does not fit.
 *
 * Lines gather in memory until store_journal_flush writes them in one piece;
 * no fsync, which SIGKILL does not need.  A file is emptied when all its
 * outcomes are confirmed.
 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct store_journal;

#define STORE_JOURNAL_A_MAX 24

struct store_journal_entry {
	uint64_t id;
	unsigned shard;
	uint16_t attempt;
	char code;
	char a[STORE_JOURNAL_A_MAX]; /* no blanks; "" : empty */
	unsigned char file;          /* set by add: what confirms needs */
};

/* Calls each for every whole line found; these count as unconfirmed. */
struct store_journal *store_journal_open(const char *path,
    void (*each)(void *arg, const struct store_journal_entry *j), void *arg,
    struct err *e);
void store_journal_close(struct store_journal **j); /* keeps the files */
void store_journal_add(struct store_journal *j, struct store_journal_entry *x);
/* -1 when the disk refused: the lines are kept and tried again. */
int store_journal_flush(struct store_journal *j, struct err *e);
void store_journal_confirm(struct store_journal *j, unsigned char file);
size_t store_journal_bytes(const struct store_journal *j);
size_t store_journal_open_entries(const struct store_journal *j);
/* One line without its LF; for the fuzz target. */
struct view;
int store_journal_parse(const struct view *line, struct store_journal_entry *x);

#endif
