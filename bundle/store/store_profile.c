#include "store/store_profile.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/dir_entries.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/slice.h"
#include "store/nix_lock.h"
#include "store/root_link.h"

#define PROFILE_NAME_MAX 200
#define LINK_SUFFIX	 "-link"

/* Whether FILE is "NAME-N-link"; N is stored. */
static bool parse_generation(struct nf_slice file, const char *name, uint64_t *ret)
{
	if (!slice_skip_prefix(&file, name) || !slice_skip_prefix(&file, "-") ||
	    !slice_ends_with(file, LINK_SUFFIX))
		return false;
	file.len -= strlen(LINK_SUFFIX);
	return slice_parse_u64(file, ret) && *ret < UINT32_MAX;
}

/* Whether it ends as the name of a generation of any profile does. */
static bool is_generation(struct nf_slice name)
{
	size_t digits = 0;

	if (!slice_ends_with(name, LINK_SUFFIX))
		return false;
	name.len -= strlen(LINK_SUFFIX);
	while (name.len && isdigit((unsigned char)name.ptr[name.len - 1])) {
		name.len--;
		digits++;
	}
	return digits && slice_ends_with(name, "-");
}

bool store_profile_is_name(const char *name)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._?=";
	size_t len = strlen(name);

	return len > 0 && len <= PROFILE_NAME_MAX && strspn(name, allowed) == len &&
	       name[0] != '.' && strcmp(name, "per-user") != 0 &&
	       !is_generation(nf_slice_str(name));
}

static int last_generation(int dir_fd, const char *name, uint64_t *ret,
			   struct nf_err *err)
{
	struct dir_entries entries;
	const struct dirent *entry;
	uint64_t n;

	*ret = 0;
	dir_entries_begin(&entries, dir_fd);
	while ((entry = dir_entries_next(&entries)))
		if (parse_generation(nf_slice_str(entry->d_name), name, &n) && n > *ret)
			*ret = n;
	if (!dir_entries_end(&entries))
		return err_sys(err, "cannot read the directory of profiles");
	return 0;
}

/* Whether the link NAME leads to a generation that is WANT; FILE is set to that
 * generation's name. */
static bool is_current(int dir_fd, const char *name, const char *want,
		       char file[NAME_MAX + 1])
{
	char have[PATH_MAX];
	char *base;
	uint64_t n;

	if (!root_link_read(dir_fd, name, have, sizeof(have)))
		return false;
	base = strrchr(have, '/');
	base = base ? base + 1 : have;
	if (!parse_generation(nf_slice_str(base), name, &n) || strlen(base) > NAME_MAX)
		return false;
	memcpy(file, base, strlen(base) + 1);
	return root_link_read(dir_fd, file, have, sizeof(have)) && !strcmp(have, want);
}

static void name_generation(char file[NAME_MAX + 1], const char *name, uint64_t n)
{
	snprintf(file, NAME_MAX + 1, "%s-%llu" LINK_SUFFIX, name, (unsigned long long)n);
}

/* The last generation may already be WANT: a killed run made it, or somebody has since
 * switched back to an earlier one. Nix does not make another one then, either. */
static int switch_generation(int dir_fd, const char *name, const char *want,
			     char file[NAME_MAX + 1], struct nf_err *err)
{
	char have[PATH_MAX];
	uint64_t last = 0;
	int rc;

	rc = last_generation(dir_fd, name, &last, err);
	if (rc)
		return rc;
	name_generation(file, name, last);
	if (!root_link_read(dir_fd, file, have, sizeof(have)) ||
	    strcmp(have, want) != 0) {
		name_generation(file, name, last + 1);
		rc = root_link_replace(dir_fd, file, want, err);
	}
	if (rc)
		return rc;
	/* A dangling link must not survive a power failure. */
	rc = file_sync(dir_fd, "profiles", err);
	if (rc)
		return rc;
	rc = root_link_replace(dir_fd, name, file, err);
	return rc ? rc : file_sync(dir_fd, "profiles", err);
}

int store_profile_set(const struct target *t, const char *name,
		      const struct nf_storepath *path, char **ret_link,
		      struct progress *progress, struct nf_err *err)
{
	char want[NF_STOREPATH_TEXT_MAX], file[NAME_MAX + 1];
	AUTO_FD int dir_fd = -1;
	AUTO(path_locks_release) struct path_locks lock = { 0 };
	int rc;

	if (!store_profile_is_name(name))
		return err_set(err, NF_E_USAGE, "'%s' is not the name of a profile",
			       name);
	rc = file_opendir_at(&dir_fd, t->state_fd, "profiles", err);
	if (rc)
		return err_prefix(err, rc, "'%s'", t->state_dir);
	rc = path_locks_take_profile(&lock, t, dir_fd, name, progress, err);
	if (!rc)
		rc = root_link_lock(dir_fd, "profiles", err);
	if (rc)
		return rc;
	nf_storepath_format(want, path);
	if (!is_current(dir_fd, name, want, file)) {
		rc = switch_generation(dir_fd, name, want, file, err);
		if (rc)
			return err_prefix(err, rc, "profile '%s'", name);
	}
	*ret_link = mem_printf("/nix/var/nix/profiles/%s", file);
	return 0;
}
