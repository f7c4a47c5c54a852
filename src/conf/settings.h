/*
 * The settings, a row each.  From these rows come libconfuse's options, all
 * checking, the defaults, the dump of facteurd -T and the reference in
 * facteur.conf(5).  To add a setting, add a field to conf/conf.h and a row to
 * conf/settings.c.
 */
#ifndef CONF_SETTINGS_H
#define CONF_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conf;

enum conf_settings_block {
	CONF_B_LISTEN,
	CONF_B_TENANT,
	CONF_B_USER, /* inside tenant */
	CONF_B_DKIM,
	CONF_B_SITE,
	CONF_B_SOURCE,
	CONF_B_REDIS,
	CONF_B_DNS,
	CONF_B_LIMITS,
	CONF_B_HEADERS,
	CONF_B_LOG,
	CONF_B_N
};

enum conf_settings_type { /* of the field in struct conf_* */
	CONF_T_STRING,   /* char * */
	CONF_T_WORD,     /* char *, one of names */
	CONF_T_ENUM,     /* enum, index into names */
	CONF_T_BOOL,     /* bool */
	CONF_T_NUMBER,   /* unsigned or uint64_t, by width */
	CONF_T_SIZE,     /* the same, in bytes */
	CONF_T_MODE,     /* unsigned, octal */
	CONF_T_DURATION, /* int64_t, ms */
	CONF_T_RATE,     /* struct conf_rate */
	CONF_T_STRINGS,  /* struct conf_strs */
	CONF_T_NETS,     /* struct conf_nets */
	CONF_T_DURATIONS /* int64_t[CONF_DURATIONS_MAX]; count_at: size_t */
};

#define CONF_DURATIONS_MAX 16

enum conf_settings_check { /* what a string must be: conf/check.c */
	CONF_C_ANY,
	CONF_C_LISTEN,   /* host:port, unix:/path */
	CONF_C_SERVER,   /* address or address:port */
	CONF_C_HOST,     /* host name or address literal */
	CONF_C_DOMAIN,   /* domain name */
	CONF_C_DOMAINS,  /* domain, ".domain" or "*" */
	CONF_C_SELECTOR, /* DNS labels */
	CONF_C_IPV4,
	CONF_C_IPV6,
	CONF_C_HEADER,      /* header field name */
	CONF_C_HASH,        /* crypt(5) $y$ or $6$ */
	CONF_C_SECRET,      /* never shown */
	CONF_C_SECRET_FILE, /* its first line is the value; never shown */
	CONF_C_FILE,        /* must be readable */
	CONF_C_PATH,        /* a file or directory of ours */
	CONF_C_LOG,         /* path, "stderr" or "syslog" */
	CONF_C_TENANT,      /* title of a tenant block */
	CONF_C_SOURCE,      /* title of a source block */
	CONF_C_N
};

struct conf_settings_row {
	enum conf_settings_block block;
	const char *name;
	enum conf_settings_type type;
	enum conf_settings_check check;
	size_t at;    /* offset of the field */
	size_t width; /* of the field */
	size_t count_at;
	int64_t min, max; /* in the field's unit; numbers and durations */
	const char *unit; /* what a number counts */
	/* As it would be written in the file; items of lists are divided by
	 * blanks; NULL: none; "!": must be given. */
	const char *def;
	const char *const *names; /* of CONF_T_ENUM and CONF_T_WORD */
	const char *help;
};

struct conf_settings_blockrow {
	const char *name;
	bool titled; /* name TITLE { ... }, any number of them */
	int parent;  /* block that it stands in; -1: the file */
	size_t at;       /* not titled: struct's offset in struct conf;
			  * titled: offset of the pointer in the parent */
	size_t count_at; /* titled: offset of the size_t in the parent */
	size_t size;     /* of one */
	const char *help;
};

extern const struct conf_settings_row conf_settings_rows[];
extern const size_t conf_settings_nrows;
extern const struct conf_settings_blockrow conf_settings_blocks[CONF_B_N];

/* The i-th struct of block b in parent (the struct conf, or the struct of the
 * enclosing block); NULL past the last.  Titled structs begin with their
 * name. */
void *conf_settings_get(enum conf_settings_block b, void *parent, size_t i);
/* One more, all zero but its name. */
void *conf_settings_append(enum conf_settings_block b, void *parent,
    const char *title);

#endif
