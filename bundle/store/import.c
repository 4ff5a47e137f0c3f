#include <nixferry/import.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/gcroot.h"
#include "store/import_plan.h"
#include "store/import_run.h"
#include "store/store_db.h"
#include "store/target.h"
#include "store/unpack.h"

/* The collector of a live store leaves directories of this prefix alone while they are
 * locked. */
#define TEMP_NAME "tmp-nixferry"
/* What is whole is made durable and registered this often, so that a killed run has not
 * much to do again. */
#define REGISTER_SECONDS 20
/* What a file system object costs beside its bytes. */
#define NODE_BYTES (4 * KIB)

struct import {
	const struct nf_import_options *opts;
	struct nf_bundle *bundle;
	struct import_plan plan;
	struct target target;
	struct store_db *db;
	int temp_fd; /* of TEMP_NAME, locked */
	time_t registered_at;
	struct nf_import_result result;
};

/* The directory that trees are unpacked in. */

static int empty_directory(int dir_fd, struct nf_err *err)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int rc = 0;

	if (!dir) {
		rc = err_sys(err, "cannot read '" TEMP_NAME "'");
		cleanup_fd(&fd);
		return rc;
	}
	while (!rc && (errno = 0, (entry = readdir(dir))))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			rc = file_remove_tree_at(dir_fd, entry->d_name, err);
	if (!rc && errno)
		rc = err_sys(err, "cannot read '" TEMP_NAME "'");
	closedir(dir);
	return rc;
}

/* A moment, for an import that was killed and is still on its way out. */
#define LOCK_TRIES    20
#define LOCK_PAUSE_US 100000

static int wait_for_lock(struct import *im, int fd, struct nf_err *err)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		int rc;

		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return err_sys(err, "cannot lock '%s/nix/store/" TEMP_NAME "'",
				       im->target.root);
		rc = interrupt_check(err);
		if (rc)
			return rc;
		usleep(LOCK_PAUSE_US);
	}
	return err_set(err, NF_E_SYS, "another import into '%s' is running",
		       im->opts->store_root);
}

/* Opens and locks the directory; *ret_gone if another import removed it before it was
 * ours. */
static int lock_temp(struct import *im, bool *ret_gone, struct nf_err *err)
{
	AUTO_FD int fd = -1;
	struct stat st;
	int rc;

	if (mkdirat(im->target.store_fd, TEMP_NAME, 0700) && errno != EEXIST)
		return err_sys(err, "cannot make '%s/nix/store/" TEMP_NAME "'",
			       im->target.root);
	fd = openat(im->target.store_fd, TEMP_NAME,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	*ret_gone = fd < 0 && errno == ENOENT;
	if (*ret_gone)
		return 0;
	if (fd < 0)
		return err_sys(err, "cannot open '%s/nix/store/" TEMP_NAME "'",
			       im->target.root);
	rc = wait_for_lock(im, fd, err);
	if (rc)
		return rc;
	if (fstat(fd, &st))
		return err_sys(err, "cannot look at '" TEMP_NAME "'");
	*ret_gone = st.st_nlink == 0;
	if (!*ret_gone)
		im->temp_fd = TAKE_FD(fd);
	return 0;
}

static int open_temp(struct import *im, struct nf_err *err)
{
	bool gone = true;
	int rc = 0;

	while (!rc && gone)
		rc = lock_temp(im, &gone, err);
	if (rc)
		return rc;
	/* Neither a group nor an access list may be inherited by what is made in it. */
	if (fchmod(im->temp_fd, 0700))
		return err_sys(err, "cannot change the mode of '" TEMP_NAME "'");
	fremovexattr(im->temp_fd, "system.posix_acl_default");
	return empty_directory(im->temp_fd, err);
}

static void import_init(struct import *im, struct nf_bundle *b,
			const struct nf_import_options *opts)
{
	*im = (struct import){
		.opts = opts, .bundle = b, .target = TARGET_INIT, .temp_fd = -1
	};
}

static void import_release(struct import *im)
{
	if (im->temp_fd >= 0 && file_remove_tree_at(im->target.store_fd, TEMP_NAME, NULL))
		progress_note(im->opts->progress,
			      "'%s/nix/store/" TEMP_NAME "' could not be removed",
			      im->target.root);
	cleanup_fd(&im->temp_fd);
	store_db_free(im->db);
	target_close(&im->target);
	import_plan_release(&im->plan);
	nf_import_result_release(&im->result);
}

/* Early refusals. */

static int check_options(const struct nf_bundle *b, const struct nf_import_options *opts,
			 struct nf_err *err)
{
	if (opts->profile && nf_bundle_root_count(b) != 1)
		return err_set(
			err, NF_E_USAGE,
			"profile '%s' can hold one path, the bundle is made for %zu",
			opts->profile, nf_bundle_root_count(b));
	return 0;
}

static int check_space(struct import *im, struct nf_err *err)
{
	struct import_totals need = import_plan_totals(&im->plan, IMPORT_WANTED);
	uint64_t free_bytes, free_nodes, bytes;
	int rc = target_free_space(&im->target, &free_bytes, &free_nodes, err);

	if (rc)
		return rc;
	if (need.nodes > free_nodes)
		return err_set(err, NF_E_NOSPACE,
			       "'%s/nix/store' has %llu free inodes, %llu are needed",
			       im->target.root, (unsigned long long)free_nodes,
			       (unsigned long long)need.nodes);
	bytes = need.bytes + need.nodes * NODE_BYTES;
	if (bytes > free_bytes)
		return err_set(err, NF_E_NOSPACE,
			       "'%s/nix/store' has %llu MiB free, %llu MiB are needed",
			       im->target.root, (unsigned long long)(free_bytes / MIB),
			       (unsigned long long)(bytes / MIB + 1));
	return 0;
}

static int prepare(struct import *im, struct nf_err *err)
{
	int rc = import_plan_load(&im->plan, im->bundle, im->opts->keys, err);

	if (!rc)
		rc = target_open(&im->target, im->opts->store_root, err);
	if (!rc)
		rc = open_temp(im, err);
	if (!rc)
		rc = store_db_open(&im->db, im->target.state_dir, STORE_DB_WRITE, err);
	if (!rc)
		rc = import_plan_query(&im->plan, im->db, im->opts->progress, err);
	if (!rc)
		rc = import_plan_check_closed(&im->plan, im->db, err);
	return rc ? rc : check_space(im, err);
}

/* Registering what is whole. */

static bool refs_ready(const struct import *im, const struct import_path *path)
{
	const struct nf_pathinfo *info = &path->ni.info;

	for (size_t i = 0; i < info->nrefs; i++) {
		const struct import_path *ref =
			import_plan_find(&im->plan, info->refs[i]);

		if (ref && ref != path &&
		    (ref->state == IMPORT_WANTED || ref->state == IMPORT_UNPACKED))
			return false;
	}
	return true;
}

/* The unpacked paths whose references are all registered or in the same batch. */
static size_t collect_ready(struct import *im, struct import_path **batch)
{
	size_t count = 0;

	for (size_t i = 0; i < im->plan.count; i++) {
		struct import_path *path = &im->plan.paths[im->plan.order[i]];

		if (path->state != IMPORT_UNPACKED || !refs_ready(im, path))
			continue;
		path->state = IMPORT_READY;
		batch[count++] = path;
	}
	return count;
}

/* What stands in the place of a path that is not valid is what a killed run left. */
static int place(struct import *im, const char *base, struct nf_err *err)
{
	int rc = file_remove_tree_at(im->target.store_fd, base, err);

	return rc ? rc : unpack_finish(im->temp_fd, base, im->target.store_fd, base, err);
}

static int register_batch(struct import *im, struct import_path **batch, size_t count,
			  struct nf_err *err)
{
	AUTO_FREE const struct nf_pathinfo **infos =
		mem_calloc(count, sizeof(struct nf_pathinfo *));
	int rc = 0;

	for (size_t i = 0; !rc && i < count; i++) {
		infos[i] = &batch[i]->ni.info;
		rc = place(im, infos[i]->path.base, err);
	}
	/* The bytes are on the disk before the database says that they are there. */
	if (!rc)
		rc = target_sync(&im->target, err);
	if (!rc)
		rc = store_db_register(im->db, im->target.store_fd, infos, count,
				       time(NULL), err);
	for (size_t i = 0; i < count; i++) {
		if (!rc)
			batch[i]->state = IMPORT_REGISTERED;
		else
			(void)!file_remove_tree_at(im->target.store_fd,
						   batch[i]->ni.info.path.base, NULL);
	}
	return rc;
}

static int register_ready(struct import *im, struct nf_err *err)
{
	AUTO_FREE struct import_path **batch =
		mem_calloc(im->plan.count, sizeof(struct import_path *));
	size_t count = collect_ready(im, batch);
	int rc = count ? register_batch(im, batch, count, err) : 0;

	im->registered_at = time(NULL);
	return rc;
}

static int add_sigs(struct import *im, struct nf_err *err)
{
	AUTO_FREE const struct nf_pathinfo **infos =
		mem_calloc(im->plan.count, sizeof(struct nf_pathinfo *));
	size_t count = 0;

	for (size_t i = 0; i < im->plan.count; i++)
		if (im->plan.paths[i].state == IMPORT_PRESENT)
			infos[count++] = &im->plan.paths[i].ni.info;
	im->result.present = count;
	return count ? store_db_add_sigs(im->db, infos, count, &im->result.sigs_added,
					 err)
		     : 0;
}

static int add_roots(struct import *im, struct nf_err *err)
{
	size_t count = nf_bundle_root_count(im->bundle);
	int rc = 0;

	for (size_t i = 0; !rc && i < count; i++)
		rc = gcroot_add(&im->target, nf_bundle_root(im->bundle, i), err);
	if (!rc && im->opts->profile)
		rc = profile_set(&im->target, im->opts->profile,
				 nf_bundle_root(im->bundle, 0), &im->result.profile_link,
				 err);
	return rc;
}

/* Unpacking. */

static int unpack_path(void *ctx, struct import_path *path, struct nf_source *nar,
		       struct nf_err *err)
{
	struct import *im = ctx;

	return unpack_nar(nar, im->temp_fd, path->ni.info.path.base, &path->nodes, err);
}

static int register_sometimes(void *ctx, struct nf_err *err)
{
	struct import *im = ctx;

	if (time(NULL) - im->registered_at < REGISTER_SECONDS)
		return 0;
	return register_ready(im, err);
}

static int unpack_all(struct import *im, struct nf_err *err)
{
	struct import_run_options run = {
		.plan = &im->plan,
		.jobs = im->opts->jobs,
		.progress = im->opts->progress,
		.verb = "unpack",
		.spool_fd = im->temp_fd,
		.consume = unpack_path,
		.idle = register_sometimes,
		.ctx = im,
	};
	int rc;

	im->registered_at = time(NULL);
	rc = import_run(&run, err);
	/* What was done before an interrupt need not be done again. */
	if (rc == -NF_E_INTR)
		(void)!register_ready(im, NULL);
	return rc;
}

static int import(struct import *im, struct nf_err *err)
{
	struct progress *progress = im->opts->progress;
	int rc;

	progress_phase(progress, "checking");
	rc = prepare(im, err);
	if (rc)
		return rc;
	progress_phase(progress, "unpacking");
	rc = unpack_all(im, err);
	if (!rc)
		rc = nf_bundle_check_rest(im->bundle, err);
	if (rc)
		return rc;
	progress_phase(progress, "registering");
	rc = register_ready(im, err);
	if (!rc)
		rc = add_sigs(im, err);
	if (!rc)
		rc = add_roots(im, err);
	return rc ? rc : target_sync(&im->target, err);
}

int nf_import(struct nf_bundle *b, const struct nf_import_options *opts,
	      struct nf_import_result *ret, struct nf_err *err)
{
	AUTO(import_release) struct import im = { 0 };
	struct import_totals done;
	int rc;

	import_init(&im, b, opts);
	rc = check_options(b, opts, err);
	if (!rc)
		rc = import(&im, err);
	if (rc)
		return rc;
	done = import_plan_totals(&im.plan, IMPORT_REGISTERED);
	im.result.imported = done.paths;
	im.result.nar_bytes = done.bytes;
	im.result.nodes = done.nodes;
	*ret = im.result;
	im.result.profile_link = NULL;
	return 0;
}

void nf_import_result_release(struct nf_import_result *r)
{
	free(r->profile_link);
	r->profile_link = NULL;
}
