#include "store/daemon_roots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/home.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/shell_word.h"
#include "store/daemon_store.h"
#include "store/gcroot.h"
#include "store/gcroot_dir.h"
#include "store/store_profile.h"

#define DEFAULT_STATE_DIR "/nix/var/nix"
#define COMMAND_MAX	  2048

/* ---- profiles ---- */

/* As Nix finds it. */
static const char *given_state_dir(void)
{
	const char *dir = getenv("NIX_STATE_DIR");

	return dir && *dir == '/' ? dir : NULL;
}

/* Whether the daemon's store is this machine's: a profile must not lead to nothing. */
static bool is_here(const struct nf_storepath *path)
{
	char name[NF_STOREPATH_TEXT_MAX];
	struct stat st;

	return given_state_dir() || !lstat(nf_storepath_format(name, path), &st);
}

static int set_profile(const char *state_dir, const struct intake_roots *roots,
		       char **ret_link, struct progress *progress, struct nf_err *err)
{
	struct target t = TARGET_INIT;
	int rc;

	target_init(&t, "");
	free(t.state_dir);
	t.state_dir = mem_strdup(state_dir);
	t.state_fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = t.state_fd < 0 ? err_sys(err, "cannot open the directory '%s'", state_dir)
			    : store_profile_set(&t, roots->profile, roots->paths,
						ret_link, progress, err);
	target_close(&t);
	return rc;
}

/* The command that sets the profile, for a user who may; free(). */
static char *profile_command(const char *profiles, const struct intake_roots *roots)
{
	AUTO_FREE char *profile = mem_printf("%s/%s", profiles, roots->profile);
	AUTO_BUF struct buf out = { 0 };
	char path[NF_STOREPATH_TEXT_MAX];

	buf_init(&out, COMMAND_MAX);
	buf_add_str(&out, "sudo nix-env -p ");
	shell_word_add(&out, profile);
	buf_addf(&out, " --set %s", nf_storepath_format(path, roots->paths));
	return buf_take(&out);
}

static const char *state_dir_in_use(void)
{
	const char *given = given_state_dir();

	return given ? given : DEFAULT_STATE_DIR;
}

/* *ret says whether it could be set. */
static int try_profile(const struct intake_roots *roots, struct nf_import_result *result,
		       bool *ret, struct progress *progress, struct nf_err *err)
{
	const char *state_dir = state_dir_in_use();
	AUTO_FREE char *profiles = mem_printf("%s/profiles", state_dir);

	*ret = is_here(roots->paths) && !access(profiles, W_OK);
	if (*ret)
		return set_profile(state_dir, roots, &result->profile_link, progress,
				   err);
	result->next = profile_command(profiles, roots);
	return 0;
}

/* ---- GC roots ---- */

static int links_dir(char **ret, struct nf_err *err)
{
	const char *state = getenv("XDG_STATE_HOME");
	AUTO_FREE char *home = NULL;

	if (state && *state == '/') {
		*ret = mem_printf("%s/nixferry/gcroots", state);
		return 0;
	}
	home = home_dir();
	if (!home)
		return err_set(
			err, NF_E_USAGE,
			"no home directory to keep GC roots in: set XDG_STATE_HOME");
	*ret = mem_printf("%s/.local/state/nixferry/gcroots", home);
	return 0;
}

void daemon_roots_grant(struct sandbox *s)
{
	AUTO_FREE char *profiles = mem_printf("%s/profiles", state_dir_in_use());
	AUTO_FREE char *links = NULL;

	sandbox_grant(s, state_dir_in_use(), SANDBOX_LIST);
	sandbox_grant(s, profiles, SANDBOX_WRITE);
	if (!links_dir(&links, NULL) && !file_mkdirs_at(AT_FDCWD, links, NULL))
		sandbox_grant(s, links, SANDBOX_WRITE);
}

struct telling {
	struct daemon_conn *conn;
	const char *dir;
	char **names;
	size_t count;
};

static bool is_among(const struct telling *t, struct nf_slice root)
{
	for (size_t i = 0; i < t->count; i++)
		if (nf_slice_is(root, t->names[i]))
			return true;
	return false;
}

static int tell_daemon(void *ctx, int dir_fd, const char *entry, struct nf_err *err)
{
	const struct telling *t = ctx;
	AUTO_FREE char *link = mem_printf("%s/%s", t->dir, entry);

	(void)dir_fd;
	if (!is_among(t, gcroot_dir_root(entry)))
		return 0;
	return daemon_store_add_root(t->conn, link, err);
}

static int add_links(struct daemon_conn *c, const struct intake_roots *roots,
		     struct nf_import_result *ret, struct nf_err *err)
{
	AUTO_FREE char *dir = NULL;
	AUTO_FD int fd = -1;
	struct telling t = { .conn = c };
	uid_t owner;
	int rc = links_dir(&dir, err);

	if (!rc)
		rc = file_mkdirs_at(AT_FDCWD, dir, err);
	if (!rc)
		rc = owner_open_named(&fd, &owner, dir, err);
	if (!rc)
		rc = owner_check_fd(fd, OWNER_DIR, owner, dir, err);
	if (!rc)
		rc = gcroot_set_at(fd, roots->gc_root, roots->paths, roots->count, err);
	if (rc)
		return rc;
	ret->gc_root_count =
		gcroot_names(&ret->gc_roots, roots->gc_root, roots->paths, roots->count);
	t.dir = dir;
	t.names = ret->gc_roots;
	t.count = ret->gc_root_count;
	return gcroot_dir_each(fd, tell_daemon, &t, err);
}

int daemon_roots_add(struct daemon_conn *c, const struct intake_roots *roots,
		     struct nf_import_result *ret, struct progress *progress,
		     struct nf_err *err)
{
	bool is_set = false;
	int rc = roots->profile ? try_profile(roots, ret, &is_set, progress, err) : 0;

	return rc || is_set ? rc : add_links(c, roots, ret, err);
}
