#include "config.h"
#include "facteurd/privs.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* CAP_NET_BIND_SERVICE alone; libc has no wrapper for capset(2). */
static int
keep_bind_only(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2] = { 0 };

	data[0].effective = data[0].permitted = 1u << CAP_NET_BIND_SERVICE;
	return (int)syscall(SYS_capset, &head, data);
}

int
facteurd_privs_drop(const char *user, const char *group, const char *dir,
    struct err *e)
{
	struct passwd *pw;
	struct group *gr;
	gid_t gid;

	if (geteuid() != 0 || user == NULL || *user == '\0')
		return 0;
	if ((pw = getpwnam(user)) == NULL)
		return err_set(e, "limits.user: there is no user \"%s\"", user);
	gid = pw->pw_gid;
	if (group && *group) {
		if ((gr = getgrnam(group)) == NULL)
			return err_set(e,
			    "limits.group: there is no group \"%s\"", group);
		gid = gr->gr_gid;
	}
	if (mkdir(dir, 0750) == 0 && chown(dir, pw->pw_uid, gid) != 0)
		return err_set(e, "%s: %s", dir, strerror(errno));
	if (prctl(PR_SET_KEEPCAPS, 1) != 0 ||
	    initgroups(pw->pw_name, gid) != 0 ||
	    setresgid(gid, gid, gid) != 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0)
		return err_set(e, "cannot become user \"%s\": %s", user,
		    strerror(errno));
	if (keep_bind_only() != 0)
		return err_set(e, "capset: %s", strerror(errno));
	if (setuid(0) == 0)
		return err_set(e, "root privileges could not be given up");
	return 0;
}
