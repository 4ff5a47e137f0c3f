#include "store/target.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/owner.h"

/* The group whose members may write to the store, as defined on the running system. Read
 * from the file itself, because the name service cannot be linked statically. */
static bool find_build_group(gid_t *ret)
{
	FILE *groups = fopen("/etc/group", "re");
	struct group *g = NULL;

	if (!groups)
		return false;
	while ((g = fgetgrent(groups)))
		if (!strcmp(g->gr_name, "nixbld"))
			break;
	if (g)
		*ret = g->gr_gid;
	fclose(groups);
	return g != NULL;
}

/* The mode of a new store directory, independent of the umask. */
static int init_mode(int fd, const char *path, bool is_store, struct nf_err *err)
{
	mode_t mode = 0755;
	gid_t gid;

	if (is_store && geteuid() == 0 && find_build_group(&gid)) {
		if (fchown(fd, 0, gid))
			return err_sys(err, "cannot change the owner of '%s'", path);
		mode = 01775;
	}
	if (fchmod(fd, mode))
		return err_sys(err, "cannot change the mode of '%s'", path);
	return 0;
}

static int open_error(int dir_fd, const char *name, const char *path, struct nf_err *err)
{
	int saved = errno;
	struct stat st;

	if (!fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISLNK(st.st_mode))
		return err_set(
			err, NF_E_SYS,
			"'%s' is a symbolic link: the store and what is above it must be directories",
			path);
	errno = saved;
	return err_sys(err, "cannot open the directory '%s'", path);
}

/* BELOW is the path of DIR_FD below ROOT. */
static int open_part(const struct target *t, int dir_fd, const char *below,
		     const char *name, int *ret, struct nf_err *err)
{
	AUTO_FREE char *path = mem_printf("%s%s/%s", t->root, below, name);
	bool is_store = !strcmp(name, "store");
	AUTO_FD int fd = -1;
	bool made;
	int rc = 0;

	made = !mkdirat(dir_fd, name, 0755);
	if (!made && errno != EEXIST)
		return err_sys(err, "cannot create the directory '%s'", path);
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return open_error(dir_fd, name, path, err);
	if (made)
		rc = init_mode(fd, path, is_store, err);
	if (!rc)
		rc = owner_close_fd(fd, is_store ? OWNER_STICKY_DIR : OWNER_DIR, t->owner,
				    path, err);
	if (rc)
		return rc;
	*ret = TAKE_FD(fd);
	return 0;
}

static int open_state_parts(const struct target *t, struct nf_err *err)
{
	static const char *const parts[] = { "db", "gcroots", "profiles", "temproots" };
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		AUTO_FD int fd = -1;

		rc = open_part(t, t->state_fd, "/nix/var/nix", parts[i], &fd, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int open_parts(struct target *t, struct nf_err *err)
{
	AUTO_FD int nix_fd = -1;
	AUTO_FD int var_fd = -1;
	int rc;

	rc = open_part(t, t->root_fd, "", "nix", &nix_fd, err);
	if (rc)
		return rc;
	rc = open_part(t, nix_fd, "/nix", "store", &t->store_fd, err);
	if (rc)
		return rc;
	rc = open_part(t, nix_fd, "/nix", "var", &var_fd, err);
	if (rc)
		return rc;
	rc = open_part(t, var_fd, "/nix/var", "nix", &t->state_fd, err);
	if (rc)
		return rc;
	return open_state_parts(t, err);
}

int target_open_links(const struct target *t, int *ret, struct nf_err *err)
{
	return open_part(t, t->store_fd, "/nix/store", ".links", ret, err);
}

int target_open_series(const struct target *t, int *ret, struct nf_err *err)
{
	static const char *const parts[] = { "nix", "var", "nixferry", "series" };
	AUTO_FREE char *below = mem_strdup("");
	AUTO_FD int fd = -1;
	int rc = 0;

	for (size_t i = 0; !rc && i < ARRAY_SIZE(parts); i++) {
		AUTO_FREE char *above = TAKE_PTR(below);
		AUTO_FD int above_fd = TAKE_FD(fd);

		rc = open_part(t, i ? above_fd : t->root_fd, above, parts[i], &fd, err);
		below = mem_printf("%s/%s", above, parts[i]);
	}
	if (!rc)
		*ret = TAKE_FD(fd);
	return rc;
}

void target_init(struct target *t, const char *root)
{
	size_t len = strlen(root);

	while (len && root[len - 1] == '/')
		len--;
	*t = (struct target)TARGET_INIT;
	t->root = mem_strndup(root, len);
	t->name = t->root[0] ? t->root : "/";
	t->state_dir = mem_printf("%s/nix/var/nix", t->root);
}

int target_open(struct target *t, const char *root, struct nf_err *err)
{
	int rc = 0;

	*t = (struct target)TARGET_INIT;
	if (!root[0])
		return err_set(err, NF_E_USAGE, "the path of the store root is empty");
	target_init(t, root);
	if (t->root[0])
		rc = file_mkdirs_at(AT_FDCWD, t->root, err);
	if (!rc)
		rc = owner_open_named(&t->root_fd, &t->owner, t->name, err);
	if (!rc)
		rc = open_parts(t, err);
	if (rc)
		target_close(t);
	return rc;
}

void target_close(struct target *t)
{
	cleanup_fd(&t->root_fd);
	cleanup_fd(&t->store_fd);
	cleanup_fd(&t->state_fd);
	free(t->root);
	free(t->state_dir);
	*t = (struct target)TARGET_INIT;
}

int target_free_space(const struct target *t, struct free_space *ret, struct nf_err *err)
{
	AUTO_FREE char *dir = mem_printf("%s/nix/store", t->root);

	return free_space_of_fd(ret, t->store_fd, dir, err);
}

int target_sync(const struct target *t, struct nf_err *err)
{
	if (syncfs(t->store_fd))
		return err_sys(err, "cannot write '%s/nix/store' to the disk", t->root);
	return 0;
}
