/*
 * storejudge whole ROOT
 * storejudge closure ROOT TREES PATH...
 * storejudge pool POOL CACHE PATH...
 *
 * Judges a root store for the end-to-end tests, which would need twenty processes for it.
 * "whole": the store has the paths that its database calls valid, and no name in ROOT
 * looks temporary. "closure": in addition, exactly the PATHs are valid, and each has the
 * contents of TREES/BASENAME and Nix's canonical metadata. "pool": POOL has each PATH,
 * with the same NAR as CACHE. Prints what is wrong, with exit status 1.
 */
#include <dirent.h>
#include <fnmatch.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storejudge.h"

static bool found_wrong;

struct judged_names {
	char **name;
	size_t count;
};

void judge_complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	found_wrong = true;
}

static void __attribute__((noreturn)) give_up(const char *what)
{
	perror(what);
	exit(2);
}

void judge_join_path(char *path, const char *dir, const char *name)
{
	int n = snprintf(path, PATH_MAX, "%s/%s", dir, name);

	if (n < 0 || n >= PATH_MAX) {
		fprintf(stderr, "path too long: %s/%s\n", dir, name);
		exit(2);
	}
}

static void names_add(struct judged_names *names, const char *name)
{
	char **grown = realloc(names->name, (names->count + 1) * sizeof(*grown));
	char *copy = strdup(name);

	if (!grown || !copy)
		give_up("memory");
	names->name = grown;
	grown[names->count++] = copy;
}

static void names_free(struct judged_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->name[i]);
	free(names->name);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void names_sort(struct judged_names *names)
{
	if (names->count)
		qsort(names->name, names->count, sizeof(*names->name), compare_names);
}

/* The entries of a directory, sorted, without .links; empty if there is no directory. */
static void list_dir(struct judged_names *names, const char *dir)
{
	DIR *stream = opendir(dir);
	struct dirent *entry;

	if (!stream)
		return;
	while ((entry = readdir(stream))) {
		const char *name = entry->d_name;

		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
		    strcmp(name, ".links") != 0)
			names_add(names, name);
	}
	closedir(stream);
	names_sort(names);
}

/* Reports each name that is in only one of two sorted lists. */
static void compare_lists(const struct judged_names *a, const char *of_a,
			  const struct judged_names *b, const char *of_b)
{
	size_t i = 0, j = 0;

	while (i < a->count || j < b->count) {
		int order = i == a->count   ? 1
			    : j == b->count ? -1
					    : strcmp(a->name[i], b->name[j]);

		if (order < 0)
			judge_complain("only %s has '%s'", of_a, a->name[i]);
		if (order > 0)
			judge_complain("only %s has '%s'", of_b, b->name[j]);
		i += order <= 0;
		j += order >= 0;
	}
}

const char *judge_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The base names of the valid paths; empty if there is no database. */
static void list_valid(struct judged_names *names, const char *root)
{
	char path[PATH_MAX];
	sqlite3 *db;
	sqlite3_stmt *query;
	int rc;

	judge_join_path(path, root, "nix/var/nix/db/db.sqlite");
	if (access(path, F_OK))
		return;
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) ||
	    sqlite3_busy_timeout(db, 10000) ||
	    sqlite3_prepare_v2(db, "select path from ValidPaths", -1, &query, NULL)) {
		judge_complain("'%s': %s", path, sqlite3_errmsg(db));
		sqlite3_close(db);
		return;
	}
	while ((rc = sqlite3_step(query)) == SQLITE_ROW) {
		const char *valid = (const char *)sqlite3_column_text(query, 0);

		names_add(names, valid ? judge_base_name(valid) : "(null)");
	}
	if (rc != SQLITE_DONE)
		judge_complain("'%s': %s", path, sqlite3_errmsg(db));
	sqlite3_finalize(query);
	sqlite3_close(db);
	names_sort(names);
}

static bool is_temporary(const char *name)
{
	static const char *const patterns[] = { "*.tmp", ".tmp*", "tmp-*", "*.part",
						"*.lock" };

	if (!strcmp(name, "gc.lock"))
		return false;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
		if (!fnmatch(patterns[i], name, 0))
			return true;
	return false;
}

void judge_look_for_temporary(const char *dir)
{
	DIR *stream = opendir(dir);
	struct dirent *entry;

	if (!stream)
		return;
	while ((entry = readdir(stream))) {
		char path[PATH_MAX];

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		judge_join_path(path, dir, entry->d_name);
		if (is_temporary(entry->d_name))
			judge_complain("left behind: '%s'", path);
		if (entry->d_type == DT_DIR)
			judge_look_for_temporary(path);
	}
	closedir(stream);
}

static void judge_whole(const char *root, const struct judged_names *valid)
{
	struct judged_names there = { 0 };
	char store[PATH_MAX];

	judge_join_path(store, root, "nix/store");
	list_dir(&there, store);
	compare_lists(valid, "the database", &there, "the store");
	names_free(&there);
	judge_look_for_temporary(root);
}

static bool files_equal(const char *a, const char *b)
{
	char of_a[1 << 14], of_b[sizeof(of_a)];
	FILE *in_a = fopen(a, "r"), *in_b = fopen(b, "r");
	bool equal = in_a && in_b;

	while (equal) {
		size_t n = fread(of_a, 1, sizeof(of_a), in_a);
		size_t m = fread(of_b, 1, sizeof(of_b), in_b);

		equal = n == m && !memcmp(of_a, of_b, n) && !ferror(in_a) &&
			!ferror(in_b);
		if (n < sizeof(of_a))
			break;
	}
	if (in_a)
		fclose(in_a);
	if (in_b)
		fclose(in_b);
	return equal;
}

static bool links_equal(const char *a, const char *b)
{
	char to_a[PATH_MAX], to_b[PATH_MAX];
	ssize_t n = readlink(a, to_a, sizeof(to_a)), m = readlink(b, to_b, sizeof(to_b));

	return n >= 0 && n == m && !memcmp(to_a, to_b, (size_t)n);
}

static void look_canonical(const char *path, const struct stat *st)
{
	mode_t mode = st->st_mode & 07777;

	if (S_ISREG(st->st_mode) && mode != 0444 && mode != 0555)
		judge_complain("'%s' has mode %o", path, mode);
	if (S_ISDIR(st->st_mode) && mode != 0555)
		judge_complain("'%s' has mode %o", path, mode);
	if (st->st_mtim.tv_sec != 1 || st->st_mtim.tv_nsec)
		judge_complain("'%s' has another time than 1", path);
}

/* Compares the tree MADE with its copy UNPACKED in the store. */
static void compare_trees(const char *made, const char *unpacked)
{
	struct judged_names of_made = { 0 }, of_unpacked = { 0 };
	struct stat a, b;

	if (lstat(made, &a) || lstat(unpacked, &b)) {
		judge_complain("'%s' or '%s' is missing", made, unpacked);
		return;
	}
	look_canonical(unpacked, &b);
	if ((a.st_mode & S_IFMT) != (b.st_mode & S_IFMT))
		judge_complain("'%s' is of another kind than '%s'", unpacked, made);
	else if (S_ISREG(a.st_mode) && (!(a.st_mode & 0111) != !(b.st_mode & 0111)))
		judge_complain("only one of '%s' and '%s' is executable", made, unpacked);
	else if (S_ISREG(a.st_mode) ? !files_equal(made, unpacked)
				    : S_ISLNK(a.st_mode) && !links_equal(made, unpacked))
		judge_complain("'%s' and '%s' differ", made, unpacked);
	else if (S_ISDIR(a.st_mode)) {
		list_dir(&of_made, made);
		list_dir(&of_unpacked, unpacked);
		compare_lists(&of_made, made, &of_unpacked, unpacked);
		for (size_t i = 0; i < of_made.count; i++) {
			char path_a[PATH_MAX], path_b[PATH_MAX];

			judge_join_path(path_a, made, of_made.name[i]);
			judge_join_path(path_b, unpacked, of_made.name[i]);
			compare_trees(path_a, path_b);
		}
	}
	names_free(&of_made);
	names_free(&of_unpacked);
}

static void judge_closure(const char *root, const char *trees,
			  const struct judged_names *valid, char **paths)
{
	struct judged_names wanted = { 0 }, made = { 0 };

	for (; *paths; paths++)
		names_add(&wanted, judge_base_name(*paths));
	names_sort(&wanted);
	compare_lists(&wanted, "the closure", valid, "the database");
	list_dir(&made, trees);
	compare_lists(&wanted, "the closure", &made, "the directory of the trees");
	for (size_t i = 0; i < wanted.count; i++) {
		char tree[PATH_MAX], store[PATH_MAX], path[PATH_MAX];

		judge_join_path(tree, trees, wanted.name[i]);
		judge_join_path(store, root, "nix/store");
		judge_join_path(path, store, wanted.name[i]);
		compare_trees(tree, path);
	}
	names_free(&wanted);
	names_free(&made);
}

static void judge_store(int argc, char **argv)
{
	struct judged_names valid = { 0 };

	list_valid(&valid, argv[2]);
	judge_whole(argv[2], &valid);
	if (argc > 4)
		judge_closure(argv[2], argv[3], &valid, argv + 4);
	names_free(&valid);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (argc == 3 ? !strcmp(what, "whole") : argc > 4 && !strcmp(what, "closure"))
		judge_store(argc, argv);
	else if (argc > 4 && !strcmp(what, "pool"))
		judge_pool(argv[2], argv[3], argv + 4);
	else {
		fputs("usage: storejudge whole ROOT\n"
		      "       storejudge closure ROOT TREES PATH...\n"
		      "       storejudge pool POOL CACHE PATH...\n",
		      stderr);
		return 2;
	}
	return found_wrong;
}
