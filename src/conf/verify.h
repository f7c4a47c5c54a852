/*
 * What only the whole configuration can tell: references between blocks and
 * settings that need each other.
 */
#ifndef CONF_VERIFY_H
#define CONF_VERIFY_H

struct conf;

/* found(arg, block, title or NULL, setting or NULL, text) for each error. */
void conf_verify(const struct conf *c,
    void (*found)(void *arg, const char *block, const char *title,
	const char *setting, const char *text),
    void *arg);

#endif
