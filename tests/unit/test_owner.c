#include "base/owner.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "expect.h"
#include "temp_dir.h"

#include "base/cleanup.h"
#include "base/mem.h"

#define OTHER 12345

static void permissions_to_change_an_object_decide(void **state)
{
	const uid_t me = geteuid();
	const struct {
		enum owner_kind kind;
		mode_t mode;
		uid_t uid;
		gid_t gid;
		const char *cause; /* NULL: none */
	} rows[] = {
		{ OWNER_DIR, S_IFDIR | 0755, 0, 0, NULL },
		{ OWNER_DIR, S_IFDIR | 0700, me, 7, NULL },
		{ OWNER_DIR, S_IFDIR | 0775, 0, 0, NULL },
		{ OWNER_DIR, S_IFDIR | 0755, OTHER, 0, "belongs to user 12345" },
		{ OWNER_DIR, S_IFDIR | 0777, 0, 0, "by other users (mode 0777)" },
		{ OWNER_DIR, S_IFDIR | 01777, 0, 0, "by other users (mode 1777)" },
		{ OWNER_DIR, S_IFDIR | 01775, 0, 7, "by other users (mode 1775)" },
		{ OWNER_DIR, S_IFDIR | 0775, 0, 7, "by other users (mode 0775)" },
		{ OWNER_DIR, S_IFREG | 0644, 0, 0, "a regular file, not a directory" },
		{ OWNER_STICKY_DIR, S_IFDIR | 01775, 0, 7, NULL },
		{ OWNER_STICKY_DIR, S_IFDIR | 03775, 0, 7, NULL },
		{ OWNER_STICKY_DIR, S_IFDIR | 0775, 0, 7, "(mode 0775)" },
		{ OWNER_STICKY_DIR, S_IFDIR | 01777, 0, 7, "(mode 1777)" },
		{ OWNER_STICKY_DIR, S_IFDIR | 01775, OTHER, 7, "belongs to user" },
		{ OWNER_FILE, S_IFREG | 0644, 0, 0, NULL },
		{ OWNER_DATA, S_IFREG | 0444, 0, 7, NULL },
		{ OWNER_DATA, S_IFREG | 0646, 0, 0, "(mode 0646)" },
		{ OWNER_DATA, S_IFREG | 0444, OTHER, 0, "belongs to user 12345" },
		{ OWNER_DATA, S_IFDIR | 0755, 0, 0, "a directory, not a regular file" },
		{ OWNER_FILE, S_IFREG | 0664, 0, 7, "by other users (mode 0664)" },
		{ OWNER_FILE, S_IFREG | 0600, OTHER, 0, "belongs to user 12345" },
		{ OWNER_FILE, S_IFIFO | 0600, 0, 0, "a FIFO, not a regular file" },
		{ OWNER_FILE, S_IFLNK | 0777, 0, 0, "a symbolic link, not a" },
		{ OWNER_FILE, S_IFSOCK | 0600, 0, 0, "a socket, not a" },
		{ OWNER_FILE, S_IFCHR | 0600, 0, 0, "a device, not a" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct stat st = { .st_mode = rows[i].mode,
					 .st_uid = rows[i].uid,
					 .st_gid = rows[i].gid,
					 .st_nlink = 1 };
		struct nf_err err = { 0 };
		int rc = owner_check(&st, rows[i].kind, me, "/x", &err);

		assert_int_equal(rc, rows[i].cause ? -NF_E_SYS : 0);
		if (rows[i].cause && !strstr(err.text, rows[i].cause))
			fail_msg("row %zu: %s", i, err.text);
	}
}

static void the_owner_of_the_named_directory_counts(void **state)
{
	const struct stat st = { .st_mode = S_IFDIR | 0775,
				 .st_uid = OTHER,
				 .st_gid = 9 };

	(void)state;
	assert_int_equal(owner_check(&st, OWNER_DIR, OTHER, "/x", NULL), 0);
}

static void file_with_two_hard_links_is_refused(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FD int fd = -1;
	struct nf_err err;

	temp_dir_write(t, "a", "");
	fd = openat(t->fd, "a", O_RDONLY);
	assert_int_equal(owner_check_fd(fd, OWNER_FILE, 0, "a", &err), 0);
	assert_int_equal(linkat(t->fd, "a", t->fd, "b", 0), 0);
	expect_error(err, owner_check_fd(fd, OWNER_FILE, 0, "a", &err), NF_E_SYS,
		     "'a' has 2 hard links: replace it with a copy");
}

static void a_directory_that_another_user_put_in_the_way_is_refused(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FREE char *shared = temp_dir_join(t, "shared");
	AUTO_FREE char *dir = temp_dir_join(t, "shared/pool");
	AUTO_FREE char *link = temp_dir_join(t, "link");
	AUTO_FREE char *want = mem_printf(
		"'%s' belongs to user 12345 and is in a directory where every user can create files: choose another, or run as that user",
		dir);
	AUTO_FD int fd = -1;
	struct nf_err err;
	uid_t owner = 0;

	temp_dir_mkdir(t, "shared/pool");
	if (geteuid() != 0 || chown(dir, OTHER, OTHER))
		skip();
	assert_int_equal(owner_open_named(&fd, &owner, dir, &err), 0);
	assert_int_equal(owner, OTHER);
	cleanup_fd(&fd);
	fd = -1;
	assert_int_equal(chmod(shared, 01777), 0);
	expect_error(err, owner_open_named(&fd, &owner, dir, &err), NF_E_SYS, want);
	assert_int_equal(symlink(t->path, link), 0);
	assert_int_equal(owner_open_named(&fd, &owner, link, &err), 0);
	cleanup_fd(&fd);
	fd = -1;
	assert_int_equal(lchown(link, OTHER, OTHER), 0);
	assert_int_equal(owner_open_named(&fd, &owner, link, &err), -NF_E_SYS);
	assert_non_null(strstr(err.text, "is a symbolic link of user 12345"));
}

static int check_as(int (*check)(int, enum owner_kind, uid_t, const char *,
				 struct nf_err *),
		    const char *dir, enum owner_kind kind, struct nf_err *err)
{
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return check(fd, kind, geteuid(), dir, err);
}

static mode_t mode_of(const char *dir)
{
	struct stat st;

	assert_int_equal(stat(dir, &st), 0);
	return st.st_mode & 07777;
}

static void new_mount_point_is_closed_to_others(void **state)
{
	struct temp_dir *t = *state;
	AUTO_FREE char *dir = temp_dir_join(t, "mount");
	struct nf_err err;

	temp_dir_mkdir(t, "mount");
	assert_int_equal(chmod(dir, 01777), 0);
	assert_int_equal(check_as(owner_check_to_read, dir, OWNER_DIR, &err), 0);
	assert_int_equal(mode_of(dir), 01777);
	assert_int_equal(check_as(owner_close_fd, dir, OWNER_DIR, &err), 0);
	assert_int_equal(mode_of(dir), 0755);
	assert_int_equal(chmod(dir, 01777), 0);
	assert_int_equal(check_as(owner_close_fd, dir, OWNER_STICKY_DIR, &err), 0);
	assert_int_equal(mode_of(dir), 01775);
	/* Without the sticky bit, or with something in it, it is not. */
	assert_int_equal(chmod(dir, 0777), 0);
	assert_int_equal(check_as(owner_close_fd, dir, OWNER_DIR, &err), -NF_E_SYS);
	assert_int_equal(check_as(owner_check_to_read, dir, OWNER_DIR, &err), -NF_E_SYS);
	temp_dir_mkdir(t, "mount/other");
	assert_int_equal(chmod(dir, 01777), 0);
	assert_int_equal(check_as(owner_close_fd, dir, OWNER_DIR, &err), -NF_E_SYS);
	assert_int_equal(check_as(owner_check_to_read, dir, OWNER_DIR, &err), -NF_E_SYS);
	assert_int_equal(mode_of(dir), 01777);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(permissions_to_change_an_object_decide),
		cmocka_unit_test(the_owner_of_the_named_directory_counts),
		cmocka_unit_test_setup_teardown(file_with_two_hard_links_is_refused,
						temp_dir_setup, temp_dir_teardown),
		cmocka_unit_test_setup_teardown(
			a_directory_that_another_user_put_in_the_way_is_refused,
			temp_dir_setup, temp_dir_teardown),
		cmocka_unit_test_setup_teardown(new_mount_point_is_closed_to_others,
						temp_dir_setup, temp_dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
