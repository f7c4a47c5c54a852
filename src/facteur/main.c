/*
 * facteur, the operator's tool: sends one command to the daemon's control
 * socket (ops/control.h has the protocol) and prints the answer.
 * Exit status: 0 done, 1 the daemon refused, 2 usage, 3 no daemon there.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "facteur/socket_path.h"

#define DEFAULT_CONF SYSCONFDIR "/facteur/facteur.conf"
#define DEFAULT_SOCKET RUNSTATEDIR "/facteur/control"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NO_DAEMON = 3 };

static const char usage_text[] =
    "usage: facteur [-j] [-s SOCKET | -c FILE] COMMAND [ARGUMENT ...]\n"
    "       facteur completion bash\n"
    "  -j, --json         answers as JSON\n"
    "  -s, --socket PATH  control socket of the daemon\n"
    "  -c, --conf FILE    configuration that names the socket\n"
    "  -w, --wait SECONDS longest wait for an answer (60)\n"
    "  -h, --help         this text; \"facteur help\" lists the commands\n"
    "  -V, --version\n";

static const char bash_completion[] =
    "_facteur() {\n"
    "\tlocal typed=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\" i words=\"\" opts=()\n"
    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
    "\t\tcase ${COMP_WORDS[i]} in\n"
    "\t\t-s|-c|--socket|--conf) opts+=(\"${COMP_WORDS[i]}\" "
    "\"${COMP_WORDS[i+1]}\"); ((i++)) ;;\n"
    "\t\t-*) ;;\n"
    "\t\t*) words+=\"${COMP_WORDS[i]} \" ;;\n"
    "\t\tesac\n"
    "\tdone\n"
    "\tCOMPREPLY=($(compgen -W \"$(facteur \"${opts[@]}\" help names "
    "2>/dev/null |\n"
    "\t\tawk -v w=\"$words\" 'index($0 \" \", w) == 1 { "
    "$0 = substr($0, length(w) + 1); print $1 }')\" -- "
    "\"${COMP_WORDS[COMP_CWORD]}\"))\n"
    "}\n"
    "complete -F _facteur facteur\n";

struct options {
	const char *socket, *conf;
	bool json;
	int wait_s;
};

static int
fail(int status, const char *what, const char *why)
{
	fprintf(stderr, "facteur: %s: %s\n", what, why);
	return status;
}

static int
dial(const char *path, int wait_s)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct timeval tv = { .tv_sec = wait_s };
	int fd;

	if (strlen(path) >= sizeof(un.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(un.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (connect(fd, (const struct sockaddr *)(const void *)&un,
		sizeof(un)) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/* Arguments as words of the protocol. */
static void
put_command(struct buf *out, bool json, char **argv)
{
	const char *p;

	if (json)
		buf_adds(out, "json");
	for (; *argv; argv++) {
		buf_adds(out, out->n ? " \"" : "\"");
		for (p = *argv; *p; p++) {
			if (*p == '"' || *p == '\\')
				buf_addc(out, '\\');
			buf_addc(out, *p == '\n' || *p == '\r' ? ' ' : *p);
		}
		buf_addc(out, '"');
	}
	buf_addc(out, '\n');
}

static int
send_all(int fd, struct buf *b)
{
	ssize_t n;

	while (b->n) {
		n = send(fd, buf_ptr(b), b->n, MSG_NOSIGNAL);
		if (n <= 0)
			return -1;
		buf_drop(b, (size_t)n);
	}
	return 0;
}

/* One line of the answer: -1 it goes on, else the exit status. */
static int
take_line(struct view line)
{
	if (view_eq(line, VIEW(".ok")))
		return 0;
	if (view_starts(line, VIEW(".error "))) {
		fprintf(stderr, "facteur: %.*s\n",
		    VIEW_ARG(view_skip(line, 7)));
		return EXIT_REFUSED;
	}
	if (view_starts(line, VIEW("..")))
		line = view_skip(line, 1);
	fwrite(line.p, 1, line.n, stdout);
	putchar('\n');
	return -1;
}

static int
read_answer(int fd)
{
	struct buf in = { 0 };
	int status = -1;
	ptrdiff_t end;
	ssize_t n;

	while (status < 0) {
		n = recv(fd, buf_reserve(&in, 65536), 65536, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			status = fail(EXIT_NO_DAEMON, "no answer",
			    n == 0		? "the daemon hung up" :
				errno == EAGAIN ? "time-out" :
						  strerror(errno));
			break;
		}
		buf_grown(&in, (size_t)n);
		while (status < 0 &&
		    (end = view_chr(buf_view(&in), '\n')) >= 0) {
			status = take_line(
			    view_head(buf_view(&in), (size_t)end));
			buf_drop(&in, (size_t)end + 1);
		}
	}
	buf_fini(&in);
	if (fflush(stdout) || ferror(stdout))
		return fail(EXIT_REFUSED, "standard output", strerror(errno));
	return status;
}

static int
run(const struct options *o, const char *path, char **argv)
{
	struct buf out = { 0 };
	int fd = dial(path, o->wait_s), status;

	if (fd < 0)
		return fail(EXIT_NO_DAEMON, path, strerror(errno));
	put_command(&out, o->json, argv);
	/* A refusal may have come although the command could not be sent. */
	(void)send_all(fd, &out);
	status = read_answer(fd);
	buf_fini(&out);
	close(fd);
	return status;
}

/* argv from the first word of the command; NULL: *status tells. */
static char **
parse_options(int argc, char **argv, struct options *o, int *status)
{
	static const struct option longs[] = { { "json", 0, NULL, 'j' },
		{ "socket", 1, NULL, 's' }, { "conf", 1, NULL, 'c' },
		{ "wait", 1, NULL, 'w' }, { "help", 0, NULL, 'h' },
		{ "version", 0, NULL, 'V' }, { NULL, 0, NULL, 0 } };
	uint64_t n;
	int opt;

	*status = EXIT_USAGE;
	while ((opt = getopt_long(argc, argv, "+js:c:w:hV", longs, NULL)) !=
	    -1) {
		if (opt == 'j')
			o->json = true;
		else if (opt == 's')
			o->socket = optarg;
		else if (opt == 'c')
			o->conf = optarg;
		else if (opt == 'w' && !view_u64(view_str(optarg), &n) && n &&
		    n < 86400)
			o->wait_s = (int)n;
		else if (opt == 'h' || opt == 'V') {
			fputs(opt == 'h' ? usage_text : PACKAGE_STRING "\n",
			    stdout);
			*status = 0;
			return NULL;
		} else {
			fputs(usage_text, stderr);
			return NULL;
		}
	}
	if (argv[optind] == NULL)
		fputs(usage_text, stderr);
	return argv[optind] ? argv + optind : NULL;
}

/* "facteur queues --json": the flag may stand anywhere. */
static void
take_json(char **argv, bool *json)
{
	char **to = argv;

	for (; *argv; argv++) {
		if (strcmp(*argv, "--json") == 0)
			*json = true;
		else
			*to++ = *argv;
	}
	*to = NULL;
}

int
main(int argc, char **argv)
{
	struct options o = { .wait_s = 60 };
	char *found = NULL;
	struct err e = { "" };
	int status;
	char **words = parse_options(argc, argv, &o, &status);

	if (words == NULL)
		return status;
	take_json(words, &o.json);
	if (words[0] && strcmp(words[0], "completion") == 0) {
		if (!words[1] || strcmp(words[1], "bash") != 0)
			return fail(EXIT_USAGE, "completion", "for bash only");
		fputs(bash_completion, stdout);
		return 0;
	}
	if (o.socket == NULL &&
	    facteur_socket_path(o.conf ? o.conf : DEFAULT_CONF, &found, &e) &&
	    o.conf)
		return fail(EXIT_USAGE, "configuration", e.text);
	status = run(&o,
	    o.socket	 ? o.socket :
		found	 ? found :
			   DEFAULT_SOCKET,
	    words);
	free(found);
	return status;
}
