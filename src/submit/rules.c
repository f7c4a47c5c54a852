#include "config.h"
#include "submit/rules.h"

#include <string.h>

#include "conf/conf.h"
#include "mail/header.h"
#include "smtp/address.h"

/* A rule in U-labels means its A-labels. */
static struct view
rule_ascii(struct view rule, char out[SMTP_DOMAIN_MAX + 2])
{
	struct view name = rule;
	size_t dot = rule.n && rule.p[0] == '.';

	if (!mail_header_8bit(rule))
		return rule;
	out[0] = '.';
	name = view_skip(rule, dot);
	if (smtp_address_ascii_domain(name, out + dot, NULL) == -1)
		return rule;
	return view_str(out);
}

bool
submit_rules_match(const struct conf_strs *rules, struct view domain)
{
	char ascii[SMTP_DOMAIN_MAX + 2];
	size_t i;

	for (i = 0; i < rules->n; i++) {
		struct view rule = view_str(rules->v[i]);

		if (view_eq(rule, VIEW("*")))
			return true;
		rule = rule_ascii(rule, ascii);
		if (rule.n == 0)
			continue;
		if (rule.p[0] == '.' ? domain.n > rule.n &&
			view_iends(domain, rule) : view_ieq(domain, rule))
			return true;
	}
	return false;
}

int
submit_rules_envelope(const struct conf_tenant *t,
    const struct smtp_address *sender, struct err *e)
{
	const struct conf_strs *rules = &t->envelope_domains;
	const char *domain;

	if (sender->text[0] == '\0')
		return 0;
	if (rules->n == 0)
		rules = &t->from_domains;
	domain = smtp_address_domain(sender);
	if (submit_rules_match(rules, view_str(domain)))
		return 0;
	return err_set(
	    e, "%.150s is not your domain for the envelope sender", domain);
}

int
submit_rules_from(const struct conf_tenant *t, const char *domain,
    struct err *e)
{
	if (submit_rules_match(&t->from_domains, view_str(domain)))
		return 0;
	return err_set(e, "%.150s is not your domain for From", domain);
}

bool
submit_rules_source(const struct conf_tenant *t, const char *source)
{
	size_t i;

	for (i = 0; i < t->sources.n; i++) {
		if (strcmp(t->sources.v[i], source) == 0)
			return true;
	}
	return t->sources.n == 0;
}
