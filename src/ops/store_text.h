/*
 * The store's answers in words.
 */
#ifndef OPS_STORE_TEXT_H
#define OPS_STORE_TEXT_H

#include "store/store.h"

const char *ops_store_text_status(enum store_status st);
const char *ops_store_text_campaign(enum store_campaign_state s);
const char *ops_store_text_scope(enum store_scope s);
/* The letters of queue/README.md; "" for none of them. */
const char *ops_store_text_reason(char letter);
char ops_store_text_reason_letter(const char *word); /* 0: no such word */

#endif
