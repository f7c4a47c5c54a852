#include "config.h"
#include "ops/store_text.h"

#include <string.h>

static const struct {
	char letter;
	const char *word;
} reasons[] = { { 'h', "bounce" }, { 'c', "complaint" },
	{ 'u', "unsubscribed" }, { 'm', "manual" }, { 'i', "invalid" },
	{ 'r', "erased" } };

#define N (sizeof(reasons) / sizeof(reasons[0]))

const char *
ops_store_text_status(enum store_status st)
{
	switch (st) {
	case STORE_OK:
		return "done";
	case STORE_UNAVAILABLE:
		return "the queue can't be used now";
	case STORE_FULL:
		return "the queue is full";
	case STORE_FENCED:
		return "another daemon owns this part of the queue";
	case STORE_REFUSED:
		return "the queue refused it";
	case STORE_NOT_FOUND:
		return "not found";
	}
	return "";
}

const char *
ops_store_text_campaign(enum store_campaign_state s)
{
	switch (s) {
	case STORE_ACTIVE:
		return "active";
	case STORE_PAUSED:
		return "paused";
	case STORE_CANCELLED:
		return "cancelled";
	case STORE_DONE:
		return "done";
	}
	return "";
}

const char *
ops_store_text_scope(enum store_scope s)
{
	switch (s) {
	case STORE_SCOPE_GLOBAL:
		return "global";
	case STORE_SCOPE_TENANT:
		return "tenant";
	case STORE_SCOPE_LIST:
		return "list";
	}
	return "";
}

const char *
ops_store_text_reason(char letter)
{
	size_t i;

	for (i = 0; i < N; i++)
		if (reasons[i].letter == letter)
			return reasons[i].word;
	return "";
}

char
ops_store_text_reason_letter(const char *word)
{
	size_t i;

	for (i = 0; i < N; i++)
		if (strcmp(reasons[i].word, word) == 0)
			return reasons[i].letter;
	return 0;
}
