#include "config.h"
#include "mail/class.h"

#include <string.h>

static const char *const class_names[] = {
	[MAIL_CLASS_NONE] = "none",
	[MAIL_CLASS_BAD_MAILBOX] = "bad-mailbox",
	[MAIL_CLASS_BAD_DOMAIN] = "bad-domain",
	[MAIL_CLASS_INACTIVE] = "inactive",
	[MAIL_CLASS_MAILBOX_FULL] = "mailbox-full",
	[MAIL_CLASS_POLICY] = "policy",
	[MAIL_CLASS_AUTHENTICATION] = "authentication",
	[MAIL_CLASS_CONTENT] = "content",
	[MAIL_CLASS_RATE] = "rate",
	[MAIL_CLASS_CONNECTION] = "connection",
	[MAIL_CLASS_EXPIRED] = "expired",
	[MAIL_CLASS_OTHER] = "other",
};
_Static_assert(sizeof(class_names) / sizeof(class_names[0]) ==
	MAIL_CLASS_OTHER + 1,
    "a name each");


/* Words that settle the matter, whatever the digits say; the first that
 * stands in the text wins, so the narrower ones come first. */
static const struct word {
	const char *text;
	enum mail_class class;
} words[] = {
	/* clang-format off */
	{ "greylist", MAIL_CLASS_RATE },
	{ "graylist", MAIL_CLASS_RATE },
	{ "grey list", MAIL_CLASS_RATE },
	{ "rate limit", MAIL_CLASS_RATE },
	{ "rate-limit", MAIL_CLASS_RATE },
	{ "too many connections", MAIL_CLASS_RATE },
	{ "too many recipients", MAIL_CLASS_RATE },
	{ "too many messages", MAIL_CLASS_RATE },
	{ "too fast", MAIL_CLASS_RATE },
	{ "throttl", MAIL_CLASS_RATE },
	{ "frequency limit", MAIL_CLASS_RATE },
	{ "unusual rate", MAIL_CLASS_RATE },
	{ "receiving mail at a rate", MAIL_CLASS_RATE },
	{ "receiving mail too quickly", MAIL_CLASS_RATE },
	{ "quota exceeded for sender", MAIL_CLASS_RATE },
	{ "mailbox full", MAIL_CLASS_MAILBOX_FULL },
	{ "mailbox is full", MAIL_CLASS_MAILBOX_FULL },
	{ "mailbox has exceeded", MAIL_CLASS_MAILBOX_FULL },
	{ "over quota", MAIL_CLASS_MAILBOX_FULL },
	{ "overquota", MAIL_CLASS_MAILBOX_FULL },
	{ "over the storage quota", MAIL_CLASS_MAILBOX_FULL },
	{ "out of storage", MAIL_CLASS_MAILBOX_FULL },
	{ "quota exceed", MAIL_CLASS_MAILBOX_FULL },
	{ "exceeded storage", MAIL_CLASS_MAILBOX_FULL },
	{ "exceeds its quota", MAIL_CLASS_MAILBOX_FULL },
	{ "exceeded the quota", MAIL_CLASS_MAILBOX_FULL },
	{ "exceeded quota", MAIL_CLASS_MAILBOX_FULL },
	{ "disk quota", MAIL_CLASS_MAILBOX_FULL },
	{ "not enough storage", MAIL_CLASS_MAILBOX_FULL },
	{ "insufficient storage", MAIL_CLASS_MAILBOX_FULL },
	{ "boite du destinataire pleine", MAIL_CLASS_MAILBOX_FULL },
	{ "message too large", MAIL_CLASS_CONTENT },
	{ "message size exceeds", MAIL_CLASS_CONTENT },
	{ "message is too big", MAIL_CLASS_CONTENT },
	{ "too large", MAIL_CLASS_CONTENT },
	{ "size limit", MAIL_CLASS_CONTENT },
	{ "maximum message size", MAIL_CLASS_CONTENT },
	{ "name service error", MAIL_CLASS_BAD_DOMAIN },
	{ "host not found", MAIL_CLASS_BAD_DOMAIN },
	{ "host unknown", MAIL_CLASS_BAD_DOMAIN },
	{ "unrouteable", MAIL_CLASS_BAD_DOMAIN },
	{ "unroutable", MAIL_CLASS_BAD_DOMAIN },
	{ "domain not found", MAIL_CLASS_BAD_DOMAIN },
	{ "domain does not exist", MAIL_CLASS_BAD_DOMAIN },
	{ "no such domain", MAIL_CLASS_BAD_DOMAIN },
	{ "bad destination host", MAIL_CLASS_BAD_DOMAIN },
	{ "null mx", MAIL_CLASS_BAD_DOMAIN },
	{ "nullmx", MAIL_CLASS_BAD_DOMAIN },
	{ "does not accept mail", MAIL_CLASS_BAD_DOMAIN },
	{ "relaying denied", MAIL_CLASS_AUTHENTICATION },
	{ "relay access denied", MAIL_CLASS_AUTHENTICATION },
	{ "relay not permitted", MAIL_CLASS_AUTHENTICATION },
	{ "unable to relay", MAIL_CLASS_AUTHENTICATION },
	{ "not permitted to relay", MAIL_CLASS_AUTHENTICATION },
	{ "relaying", MAIL_CLASS_AUTHENTICATION },
	{ "authentication required", MAIL_CLASS_AUTHENTICATION },
	{ "not authenticated", MAIL_CLASS_AUTHENTICATION },
	{ "unauthenticated", MAIL_CLASS_AUTHENTICATION },
	{ "dmarc", MAIL_CLASS_AUTHENTICATION },
	{ "dkim", MAIL_CLASS_AUTHENTICATION },
	{ "spf", MAIL_CLASS_AUTHENTICATION },
	{ "reverse dns", MAIL_CLASS_AUTHENTICATION },
	{ "ptr record", MAIL_CLASS_AUTHENTICATION },
	{ "ip name lookup failed", MAIL_CLASS_AUTHENTICATION },
	{ "cannot find your hostname", MAIL_CLASS_AUTHENTICATION },
	{ "helo command rejected", MAIL_CLASS_AUTHENTICATION },
	{ "spamhaus", MAIL_CLASS_POLICY },
	{ "blacklist", MAIL_CLASS_POLICY },
	{ "black list", MAIL_CLASS_POLICY },
	{ "blocklist", MAIL_CLASS_POLICY },
	{ "block list", MAIL_CLASS_POLICY },
	{ "dnsbl", MAIL_CLASS_POLICY },
	{ "rbl", MAIL_CLASS_POLICY },
	{ "reputation", MAIL_CLASS_POLICY },
	{ "spam", MAIL_CLASS_POLICY },
	{ "unsolicited", MAIL_CLASS_POLICY },
	{ "junk mail", MAIL_CLASS_POLICY },
	{ "virus", MAIL_CLASS_POLICY },
	{ "malware", MAIL_CLASS_POLICY },
	{ "blocked", MAIL_CLASS_POLICY },
	{ "banned", MAIL_CLASS_POLICY },
	{ "policy violation", MAIL_CLASS_POLICY },
	{ "policy reasons", MAIL_CLASS_POLICY },
	{ "content reject", MAIL_CLASS_POLICY },
	{ "complaint", MAIL_CLASS_POLICY },
	{ "account is disabled", MAIL_CLASS_INACTIVE },
	{ "account disabled", MAIL_CLASS_INACTIVE },
	{ "mailbox disabled", MAIL_CLASS_INACTIVE },
	{ "mailbox is disabled", MAIL_CLASS_INACTIVE },
	{ "mailbox unavailable or access", MAIL_CLASS_INACTIVE },
	{ "inactive", MAIL_CLASS_INACTIVE },
	{ "suspended", MAIL_CLASS_INACTIVE },
	{ "account closed", MAIL_CLASS_INACTIVE },
	{ "account has been disabled", MAIL_CLASS_INACTIVE },
	{ "no longer", MAIL_CLASS_INACTIVE },
	{ "has moved", MAIL_CLASS_INACTIVE },
	{ "user unknown", MAIL_CLASS_BAD_MAILBOX },
	{ "unknown user", MAIL_CLASS_BAD_MAILBOX },
	{ "user not found", MAIL_CLASS_BAD_MAILBOX },
	{ "unknown recipient", MAIL_CLASS_BAD_MAILBOX },
	{ "recipient unknown", MAIL_CLASS_BAD_MAILBOX },
	{ "no such user", MAIL_CLASS_BAD_MAILBOX },
	{ "no such recipient", MAIL_CLASS_BAD_MAILBOX },
	{ "no such mailbox", MAIL_CLASS_BAD_MAILBOX },
	{ "no such person", MAIL_CLASS_BAD_MAILBOX },
	{ "no such address", MAIL_CLASS_BAD_MAILBOX },
	{ "no mailbox", MAIL_CLASS_BAD_MAILBOX },
	{ "not a valid mailbox", MAIL_CLASS_BAD_MAILBOX },
	{ "mailbox not found", MAIL_CLASS_BAD_MAILBOX },
	{ "mailbox unavailable", MAIL_CLASS_BAD_MAILBOX },
	{ "unknown mailbox", MAIL_CLASS_BAD_MAILBOX },
	{ "does not exist", MAIL_CLASS_BAD_MAILBOX },
	{ "doesn't exist", MAIL_CLASS_BAD_MAILBOX },
	{ "doesn't have a", MAIL_CLASS_BAD_MAILBOX },
	{ "invalid recipient", MAIL_CLASS_BAD_MAILBOX },
	{ "invalid mailbox", MAIL_CLASS_BAD_MAILBOX },
	{ "invalid address", MAIL_CLASS_BAD_MAILBOX },
	{ "not our customer", MAIL_CLASS_BAD_MAILBOX },
	{ "recipient not found", MAIL_CLASS_BAD_MAILBOX },
	{ "address rejected", MAIL_CLASS_BAD_MAILBOX },
	{ "recipient rejected", MAIL_CLASS_BAD_MAILBOX },
	{ "not listed in", MAIL_CLASS_BAD_MAILBOX },
	{ "unknown local", MAIL_CLASS_BAD_MAILBOX },
	{ "undeliverable address", MAIL_CLASS_BAD_MAILBOX },
	{ "is not known", MAIL_CLASS_BAD_MAILBOX },
	{ "adresse d au moins un destinataire invalide", MAIL_CLASS_BAD_MAILBOX },
	{ "connection timed out", MAIL_CLASS_CONNECTION },
	{ "connection refused", MAIL_CLASS_CONNECTION },
	{ "lost connection", MAIL_CLASS_CONNECTION },
	{ "no route to host", MAIL_CLASS_CONNECTION },
	{ "try again later", MAIL_CLASS_RATE },
	/* clang-format on */
};

/* RFC 3463; detail -1: any. */
static const struct status {
	int subject, detail;
	enum mail_class class;
} statuses[] = {
	/* clang-format off */
	{ 1, 2, MAIL_CLASS_BAD_DOMAIN },
	{ 1, 6, MAIL_CLASS_INACTIVE },
	{ 1, 7, MAIL_CLASS_AUTHENTICATION }, /* of the sender's address */
	{ 1, 8, MAIL_CLASS_AUTHENTICATION },
	{ 1, 10, MAIL_CLASS_BAD_DOMAIN }, /* RFC 7505 */
	{ 1, -1, MAIL_CLASS_BAD_MAILBOX },
	{ 2, 1, MAIL_CLASS_INACTIVE },
	{ 2, 2, MAIL_CLASS_MAILBOX_FULL },
	{ 2, 3, MAIL_CLASS_CONTENT },
	{ 3, 1, MAIL_CLASS_OTHER },
	{ 3, 4, MAIL_CLASS_CONTENT },
	{ 4, 4, MAIL_CLASS_BAD_DOMAIN },
	{ 4, 5, MAIL_CLASS_RATE },
	{ 4, 6, MAIL_CLASS_CONNECTION },
	{ 4, 7, MAIL_CLASS_EXPIRED },
	{ 4, 1, MAIL_CLASS_BAD_MAILBOX }, /* "no such recipient" at Microsoft */
	{ 4, -1, MAIL_CLASS_CONNECTION },
	{ 5, 3, MAIL_CLASS_RATE },
	{ 6, -1, MAIL_CLASS_CONTENT },
	{ 7, 27, MAIL_CLASS_AUTHENTICATION },
	{ 7, 28, MAIL_CLASS_RATE },
	{ 7, -1, MAIL_CLASS_POLICY },
	/* clang-format on */
};

#define N(a) (sizeof(a) / sizeof((a)[0]))

const char *
mail_class_name(enum mail_class c)
{
	return class_names[c];
}

static enum mail_class
by_words(const char *text)
{
	size_t i;

	for (i = 0; text && i < N(words); i++)
		if (strcasestr(text, words[i].text))
			return words[i].class;
	return MAIL_CLASS_NONE;
}

static enum mail_class
by_status(int code, const int enhanced[3])
{
	bool temporary = code / 100 == 4 || enhanced[0] == 4;
	size_t i;

	for (i = 0; i < N(statuses); i++) {
		const struct status *s = &statuses[i];

		if (s->subject != enhanced[1] ||
		    (s->detail >= 0 && s->detail != enhanced[2]))
			continue;
		/* 4.7.0 says no more than "not now". */
		if (temporary && s->class == MAIL_CLASS_POLICY)
			return MAIL_CLASS_RATE;
		return s->class;
	}
	return MAIL_CLASS_NONE;
}

static enum mail_class
by_code(enum mail_stage stage, int code)
{
	switch (code) {
	case 552:
		return MAIL_CLASS_MAILBOX_FULL;
	case 550:
	case 551:
	case 553:
		return stage == MAIL_STAGE_RCPT ? MAIL_CLASS_BAD_MAILBOX
						: MAIL_CLASS_POLICY;
	case 554:
		return MAIL_CLASS_POLICY;
	case 530:
	case 535:
		return MAIL_CLASS_AUTHENTICATION;
	case 421:
	case 450:
	case 451:
	case 452:
		return MAIL_CLASS_RATE;
	}
	return MAIL_CLASS_OTHER;
}

enum mail_class
mail_class_of(enum mail_stage stage, int code, const int enhanced[3],
    const char *text)
{
	enum mail_class c;

	if (stage == MAIL_STAGE_DNS)
		return code / 100 == 5 ? MAIL_CLASS_BAD_DOMAIN
				       : MAIL_CLASS_CONNECTION;
	if (stage == MAIL_STAGE_CONNECT || stage == MAIL_STAGE_STARTTLS)
		return MAIL_CLASS_CONNECTION;
	if (enhanced[1] == 1 && (enhanced[2] == 1 || enhanced[2] == 10) &&
	    enhanced[0] == 5 && by_words(text) != MAIL_CLASS_POLICY)
		return enhanced[2] == 1 ? MAIL_CLASS_BAD_MAILBOX
					: MAIL_CLASS_BAD_DOMAIN;
	c = by_words(text);
	if (c == MAIL_CLASS_NONE && enhanced[0])
		c = by_status(code, enhanced);
	if (c == MAIL_CLASS_NONE)
		c = by_code(stage, code);
	return c;
}

bool
mail_class_condemns(enum mail_class c)
{
	return c == MAIL_CLASS_BAD_MAILBOX || c == MAIL_CLASS_BAD_DOMAIN ||
	    c == MAIL_CLASS_INACTIVE;
}
