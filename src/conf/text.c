#include "config.h"
#include "conf/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

int
conf_text_read(const char *path, struct buf *out, struct err *e)
{
	/* O_NONBLOCK: a FIFO must not hold us. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t got;
	int rc = -1;

	if (fd < 0)
		return err_set(e, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		err_set(e, "%s: not a regular file", path);
		goto out;
	}
	do {
		got = read(fd, buf_reserve(out, 65536), 65536);
		if (got > 0)
			buf_grown(out, (size_t)got);
	} while (got > 0 && out->n <= CONF_TEXT_MAX);
	if (got < 0)
		err_set(e, "%s: %s", path, strerror(errno));
	else if (got > 0)
		err_set(e, "%s: larger than %d bytes", path, CONF_TEXT_MAX);
	else
		rc = 0;
out:
	close(fd);
	return rc;
}

#define DEPTH_MAX 8 /* of braces; a list in a block in a block has 3 */

enum where { IN_FILE, IN_WORD, IN_LINE_COMMENT, IN_COMMENT, IN_STRING };

struct scan {
	enum where where;
	char quote;
	int line;
	int began; /* line of the open string or comment */
	unsigned depth;
	int opened[DEPTH_MAX]; /* lines of the braces that are open */
};

static bool
ends_word(char c)
{
	return strchr(" \t\n\r={}()+,\"'#", c) != NULL;
}

/* One character outside of strings and comments. */
static void
plain(struct scan *s, char *p, char next)
{
	if (*p == '"' || *p == '\'') {
		s->quote = *p;
		s->where = IN_STRING;
		s->began = s->line;
	} else if (*p == '/' && next == '*') {
		s->where = IN_COMMENT;
		s->began = s->line;
		p[0] = p[1] = ' ';
	} else if (*p == '#' ||
	    (*p == '/' && next == '/' && s->where == IN_FILE)) {
		s->where = IN_LINE_COMMENT;
		*p = ' ';
	} else {
		s->where = ends_word(*p) ? IN_FILE : IN_WORD;
		if (*p == '{' && s->depth < DEPTH_MAX)
			s->opened[s->depth++] = s->line;
		else if (*p == '}' && s->depth)
			s->depth--;
	}
}

/* One character; returns how many were used. */
static size_t
step(struct scan *s, char *p, char next)
{
	switch (s->where) {
	case IN_FILE:
	case IN_WORD:
		plain(s, p, next);
		return s->where == IN_COMMENT ? 2 : 1;
	case IN_LINE_COMMENT:
		if (*p == '\n')
			s->where = IN_FILE;
		else
			*p = ' ';
		return 1;
	case IN_COMMENT:
		if (*p == '*' && next == '/') {
			p[0] = p[1] = ' ';
			s->where = IN_FILE;
			return 2;
		}
		if (*p != '\n')
			*p = ' ';
		return 1;
	case IN_STRING:
		if (*p == s->quote)
			s->where = IN_FILE;
		return *p == '\\' && next != '\n' && next ? 2 : 1;
	}
	return 1;
}

/* What libconfuse would get wrong without a word. */
static const char *
refused(const struct scan *s, const char *p, char next)
{
	if (*p == '\n')
		return s->where == IN_STRING ? "the string is not closed" :
					       NULL;
	if ((unsigned char)*p < ' ' && *p != '\t')
		return "control character";
	if (s->where != IN_FILE && s->where != IN_WORD)
		return NULL;
	if (*p == '*')
		return "write \"*\" in quotes";
	if (*p == '|')
		return "write \"|\" in quotes";
	if (*p == '$' && next != '{')
		return "write \"$\" in quotes";
	return NULL;
}

int
conf_text_clean(struct buf *text, int *line, const char **why)
{
	struct scan s = { .line = 1 };
	char *p = buf_ptr(text);
	size_t i = 0, n = text->n;

	while (i < n) {
		char next = i + 1 < n ? p[i + 1] : '\0';

		if (p[i] == '\r' && next == '\n')
			p[i] = ' ';
		*line = s.line;
		*why = refused(&s, p + i, next);
		if (*why)
			return -1;
		if (p[i] == '\n')
			s.line++;
		i += step(&s, p + i, next);
	}
	*line = s.began;
	*why = s.where == IN_STRING ? "the string is not closed"
	    : s.where == IN_COMMENT ? "the comment is not closed"
				    : NULL;
	if (*why == NULL && s.depth) { /* libconfuse takes it for closed */
		*line = s.opened[s.depth - 1];
		*why = "the brace is not closed";
	}
	return *why ? -1 : 0;
}

char *
conf_text_path(const char *from, const char *file)
{
	const char *slash = strrchr(from, '/');

	if (file[0] == '/' || slash == NULL)
		return mem_strdup(file);
	return mem_printf("%.*s/%s", (int)(slash - from), from, file);
}
