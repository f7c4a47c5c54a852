#include "config.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static int64_t fixed_ms = -1;

static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri",
	"Sat" };
static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
	"Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

static int64_t
read_clock(clockid_t id)
{
	struct timespec t;

	if (fixed_ms >= 0)
		return fixed_ms;
	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t
clock_now(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t
clock_mono(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

void
clock_set(int64_t ms)
{
	fixed_ms = ms;
}

void
clock_rfc5322(int64_t ms, char out[CLOCK_RFC5322_MAX])
{
	time_t s = (time_t)(ms / 1000);
	struct tm t;

	gmtime_r(&s, &t);
	/* %a and %b would follow the locale. */
	snprintf(out, CLOCK_RFC5322_MAX, "%s, ", days[t.tm_wday]);
	strftime(out + 5, CLOCK_RFC5322_MAX - 5, "%e ", &t);
	if (out[5] == ' ')
		memmove(out + 5, out + 6, strlen(out + 6) + 1);
	memcpy(out + strlen(out), months[t.tm_mon], sizeof(months[0]));
	strftime(out + strlen(out), CLOCK_RFC5322_MAX - strlen(out),
	    " %Y %T +0000", &t);
}

void
clock_iso(int64_t ms, char out[CLOCK_ISO_MAX])
{
	time_t s = (time_t)(ms / 1000);
	struct tm t;
	size_t n;

	gmtime_r(&s, &t);
	n = strftime(out, CLOCK_ISO_MAX, "%Y-%m-%dT%T", &t);
	snprintf(out + n, CLOCK_ISO_MAX - n, ".%03uZ", (unsigned)(ms % 1000));
}

/* Zone of an RFC 5322 date in minutes east; obs-zone names of 4.3. */
static int
zone_minutes(const char *z, int *out)
{
	static const struct {
		const char *name;
		int minutes;
	} named[] = { { "GMT", 0 }, { "UT", 0 }, { "UTC", 0 }, { "Z", 0 },
		{ "EST", -300 }, { "EDT", -240 }, { "CST", -360 },
		{ "CDT", -300 }, { "MST", -420 }, { "MDT", -360 },
		{ "PST", -480 }, { "PDT", -420 } };
	int h, m;
	size_t i;
	char end;

	if ((z[0] == '+' || z[0] == '-') &&
	    (sscanf(z + 1, "%2d%2d%c", &h, &m, &end) == 2 ||
		sscanf(z + 1, "%2d:%2d%c", &h, &m, &end) == 2)) {
		if (h > 23 || m > 59 || h < 0 || m < 0)
			return -1;
		*out = (z[0] == '-' ? -1 : 1) * (h * 60 + m);
		return 0;
	}
	for (i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (strcasecmp(named[i].name, z) == 0) {
			*out = named[i].minutes;
			return 0;
		}
	}
	return -1;
}

static int
tm_valid(const struct tm *t)
{
	return t->tm_mday >= 1 && t->tm_mday <= 31 && t->tm_mon >= 0 &&
	    t->tm_mon < 12 && t->tm_year >= 70 && t->tm_hour >= 0 &&
	    t->tm_hour < 24 && t->tm_min >= 0 && t->tm_min < 60 &&
	    t->tm_sec >= 0 && t->tm_sec <= 60;
}

static int
parse_rfc3339(const char *s, struct tm *t, char zone[8])
{
	int used = 0;

	if (sscanf(s, "%4d-%2d-%2d%*[Tt ]%2d:%2d:%2d%n", &t->tm_year,
		&t->tm_mon, &t->tm_mday, &t->tm_hour, &t->tm_min, &t->tm_sec,
		&used) != 6)
		return -1;
	s += used;
	if (*s == '.')
		s += 1 + strspn(s + 1, "0123456789");
	if (strlen(s) > 7)
		return -1;
	memcpy(zone, s, strlen(s) + 1);
	t->tm_mon--;
	t->tm_year -= 1900;
	return 0;
}

static int
parse_rfc5322(const char *s, struct tm *t, char zone[8])
{
	const char *comma = strchr(s, ',');
	char mon[4] = "";
	int i, n;

	if (comma)
		s = comma + 1;
	n = sscanf(s, " %2d %3[A-Za-z] %4d %2d:%2d:%2d %7s", &t->tm_mday, mon,
	    &t->tm_year, &t->tm_hour, &t->tm_min, &t->tm_sec, zone);
	if (n == 5) {
		t->tm_sec = 0;
		n = sscanf(s, " %2d %3[A-Za-z] %4d %2d:%2d %7s", &t->tm_mday,
		    mon, &t->tm_year, &t->tm_hour, &t->tm_min, zone);
		n = n == 6 ? 7 : 0;
	}
	if (n != 7)
		return -1;
	if (t->tm_year < 50) /* RFC 5322 4.3: two-digit years */
		t->tm_year += 2000;
	else if (t->tm_year < 1000)
		t->tm_year += 1900;
	t->tm_year -= 1900;
	t->tm_mon = -1;
	for (i = 0; i < 12; i++)
		if (strcasecmp(months[i], mon) == 0)
			t->tm_mon = i;
	return 0;
}

int
clock_parse(const char *text, size_t n, int64_t *ms)
{
	char s[80], zone[8] = "";
	struct tm t = { 0 };
	int east;

	if (n == 0 || n >= sizeof(s) || memchr(text, '\0', n))
		return -1;
	memcpy(s, text, n);
	s[n] = '\0';
	if (parse_rfc3339(s, &t, zone) && parse_rfc5322(s, &t, zone))
		return -1;
	if (!tm_valid(&t) || zone_minutes(zone, &east))
		return -1;
	*ms = ((int64_t)timegm(&t) - east * 60) * 1000;
	return 0;
}
