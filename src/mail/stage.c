#include "config.h"
#include "mail/class.h"

static const char *const stage_names[] = {
	[MAIL_STAGE_DNS] = "dns",
	[MAIL_STAGE_CONNECT] = "connect",
	[MAIL_STAGE_GREETING] = "greeting",
	[MAIL_STAGE_HELO] = "helo",
	[MAIL_STAGE_STARTTLS] = "starttls",
	[MAIL_STAGE_MAIL] = "mail",
	[MAIL_STAGE_RCPT] = "rcpt",
	[MAIL_STAGE_DATA] = "data",
	[MAIL_STAGE_END] = "end-of-data",
	[MAIL_STAGE_LOCAL] = "local",
};
_Static_assert(sizeof(stage_names) / sizeof(stage_names[0]) ==
	MAIL_STAGE_LOCAL + 1,
    "a name each");

const char *
mail_stage_name(enum mail_stage s)
{
	return stage_names[s];
}
