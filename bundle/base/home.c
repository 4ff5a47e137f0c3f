#include "base/home.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

bool home_is_ours(const char *home)
{
	struct stat st;

	return stat(home, &st) < 0 || st.st_uid == geteuid();
}

/* From the file itself: it always contains root, and getpwuid cannot be linked
 * statically. */
static char *home_of_root(void)
{
	FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *p = NULL;
	char *home = NULL;

	if (!f)
		return NULL;
	do
		p = fgetpwent(f);
	while (p && p->pw_uid != 0);
	if (p && p->pw_dir[0] == '/')
		home = mem_strdup(p->pw_dir);
	fclose(f);
	return home;
}

char *home_dir(void)
{
	const char *home = getenv("HOME");

	/* As the XDG specification requires for its own variables. */
	if (!home || home[0] != '/')
		return NULL;
	if (geteuid() != 0 || home_is_ours(home))
		return mem_strdup(home);
	return home_of_root();
}
