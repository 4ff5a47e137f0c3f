#include "store/store_check.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/dir_entries.h"
#include "base/interrupt.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/workers.h"
#include "store/links_check.h"
#include "store/row_form.h"
#include "store/tree_check.h"
#include "store/unpack_dir.h"

#define IDLE_MS 500
/* A NAR is large if it is more than this part of what one thread has to do. */
#define LARGE_PART 32
#define CAUSE_MAX  1024

/* A valid path. */
struct check_path {
	struct store_check *run;
	const char *path; /* in full, in the arena */
	const char *base; /* its end */
	int64_t id;
	uint64_t size;	     /* of its NAR; 0: not known */
	uint64_t ino;	     /* 0: not in the directory */
	struct nf_hash hash; /* unless ROW_HASH is one of the faults */
	unsigned faults;     /* enum row_fault */
	bool is_wanted;
	bool is_large;
};

struct store_check {
	const struct store_check_options *opts;
	struct store_check_result *ret;
	struct tree_check_place place;
	struct store_db *db;
	struct arena names;
	struct check_path *paths;
	size_t len, cap;
	struct map by_base;   /* to their places */
	pthread_mutex_t lock; /* of the database and all that follows */
	int failed;
	struct nf_err error;
};

static void check_release(struct store_check *c)
{
	cleanup_fd(&c->place.store_fd);
	store_db_free(c->db);
	arena_release(&c->names);
	map_release(&c->by_base);
	free(c->paths);
	pthread_mutex_destroy(&c->lock);
}

const char *store_fault_name(enum store_fault fault)
{
	static const char *const names[] = {
		[STORE_FAULT_MISSING] = "missing",
		[STORE_FAULT_CORRUPT] = "corrupt",
		[STORE_FAULT_UNREADABLE] = "unreadable",
		[STORE_FAULT_METADATA] = "metadata",
		[STORE_FAULT_DATABASE] = "database",
		[STORE_FAULT_LINK] = "link",
	};

	return names[fault];
}

static int open_store(struct store_check *c, const char *root, struct nf_err *err)
{
	AUTO_FREE char *dir = mem_printf("%s" NF_STORE_DIR, root);
	AUTO_FREE char *state = mem_printf("%s/nix/var/nix", root);
	struct stat st;

	c->place.store_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->place.store_fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, NF_E_MISSING, "there is no store in '%s'", root);
	if (c->place.store_fd < 0 || fstat(c->place.store_fd, &st))
		return err_sys(err, "cannot open '%s'", dir);
	c->place.owner = st.st_uid;
	return store_db_open(&c->db, state, STORE_DB_READ, err);
}

/* ---- findings ---- */

/* The caller holds the lock. */
static void add_finding(struct store_check *c, enum store_fault fault,
			struct nf_slice path, const char *cause)
{
	struct store_check_result *r = c->ret;

	MEM_GROW(r->findings, r->count, r->cap);
	r->findings[r->count++] = (struct store_finding){
		.fault = fault,
		.path = mem_strndup(path.ptr, path.len),
		.cause = mem_strdup(cause),
	};
	r->counts[fault]++;
}

static void drop_findings(struct store_check_result *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free(r->findings[i].path);
		free(r->findings[i].cause);
	}
	free(TAKE_PTR(r->findings));
	r->count = r->cap = 0;
	memset(r->counts, 0, sizeof(r->counts));
}

static void set_failed(struct store_check *c, int rc, const struct nf_err *err)
{
	pthread_mutex_lock(&c->lock);
	if (!c->failed) {
		c->failed = rc;
		c->error = *err;
	}
	pthread_mutex_unlock(&c->lock);
}

/* Reports nothing for a path that was removed since the database was read. */
static void find(struct check_path *p, enum store_fault fault, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
static void find(struct check_path *p, enum store_fault fault, const char *fmt, ...)
{
	struct store_check *c = p->run;
	char cause[CAUSE_MAX];
	struct nf_err err = { 0 };
	bool valid = false;
	va_list args;
	int rc;

	va_start(args, fmt);
	vsnprintf(cause, sizeof(cause), fmt, args);
	va_end(args);
	pthread_mutex_lock(&c->lock);
	rc = store_db_has_row(c->db, p->path, p->id, &valid, &err);
	if (!rc && valid)
		add_finding(c, fault, nf_slice_str(p->path), cause);
	pthread_mutex_unlock(&c->lock);
	if (rc)
		set_failed(c, rc, &err);
}

/* ---- the database ---- */

static int begin_list(void *ctx, struct nf_err *err)
{
	struct store_check *c = ctx;

	(void)err;
	arena_release(&c->names);
	arena_init(&c->names);
	c->len = 0;
	drop_findings(c->ret);
	return 0;
}

static int take_row(void *ctx, const struct store_db_row *row, struct nf_err *err)
{
	struct store_check *c = ctx;
	struct check_path p = { .run = c, .id = row->id };
	struct nf_storepath path;

	(void)err;
	if (nf_storepath_parse(&path, row->path, NULL)) {
		add_finding(c, STORE_FAULT_DATABASE, row->path, "it is not a store path");
		return 0;
	}
	p.path = arena_strndup(&c->names, row->path.ptr, row->path.len);
	p.base = p.path + strlen(NF_STORE_DIR "/");
	p.faults = row_form_judge(row, &p.hash);
	p.size = row->nar_size > 0 ? (uint64_t)row->nar_size : 0;
	MEM_GROW(c->paths, c->len, c->cap);
	c->paths[c->len++] = p;
	return 0;
}

static int take_bad_ref(void *ctx, struct nf_slice path, int64_t reference,
			struct nf_err *err)
{
	AUTO_FREE char *cause =
		mem_printf("it refers to path number %lld, which does not exist",
			   (long long)reference);

	(void)err;
	add_finding(ctx, STORE_FAULT_DATABASE,
		    path.len ? path : NF_SLICE_LIT("a path that does not exist"), cause);
	return 0;
}

static int read_database(struct store_check *c, struct nf_err *err)
{
	const struct store_db_visitor v = { begin_list, take_row, take_bad_ref, c };
	int rc = store_db_list(c->db, &v, err);
	bool is_new;

	for (size_t i = 0; !rc && i < c->len; i++)
		*map_put(&c->by_base, nf_slice_str(c->paths[i].base), &is_new) = i;
	return rc;
}

/* ---- the directory ---- */

/* Names that Nix and imports use there, besides those of store paths. */
static bool is_known_name(const char *name)
{
	struct nf_slice s = nf_slice_str(name);

	return !strcmp(name, ".") || !strcmp(name, "..") || !strcmp(name, ".links") ||
	       slice_ends_with(s, ".lock") || !strncmp(name, "tmp-", 4) ||
	       !strncmp(name, ".tmp-link", 9) ||
	       !strncmp(name, UNPACK_DIR_PREFIX, strlen(UNPACK_DIR_PREFIX));
}

/* A path that became valid since the database was read is not unknown. */
static int take_unknown(struct store_check *c, const char *name, struct nf_err *err)
{
	struct store_check_result *r = c->ret;
	struct nf_storepath path;
	bool valid = false;
	int rc = 0;

	if (!nf_storepath_parse_base(&path, nf_slice_str(name), NULL))
		rc = store_db_is_valid(c->db, &path, &valid, err);
	if (rc || valid)
		return rc;
	MEM_GROW(r->unknown, r->unknown_count, r->unknown_cap);
	r->unknown[r->unknown_count++] = mem_strdup(name);
	return 0;
}

static int take_entry(struct store_check *c, const struct dirent *entry,
		      struct nf_err *err)
{
	const uintptr_t *at = map_get(&c->by_base, nf_slice_str(entry->d_name));

	if (at)
		c->paths[*at].ino = entry->d_ino;
	if (at || c->opts->paths || is_known_name(entry->d_name))
		return 0;
	return take_unknown(c, entry->d_name, err);
}

static int read_directory(struct store_check *c, struct nf_err *err)
{
	struct dir_entries entries;
	const struct dirent *entry;
	int rc = 0;

	dir_entries_begin(&entries, c->place.store_fd);
	while (!rc && (entry = dir_entries_next(&entries)))
		rc = take_entry(c, entry, err);
	if (!dir_entries_end(&entries) && !rc)
		rc = err_sys(err, "cannot read the store's directory");
	return rc;
}

/* ---- one path ---- */

static void judge_contents(struct check_path *p, const struct tree_check *t)
{
	char want[NF_HASH_TEXT_MAX], got[NF_HASH_TEXT_MAX];

	if (!(p->faults & ROW_HASH) && !nf_hash_eq(&t->hash, &p->hash))
		find(p, STORE_FAULT_CORRUPT, "its contents have the hash %s, not %s",
		     nf_hash_format(got, &t->hash, NF_NIX32),
		     nf_hash_format(want, &p->hash, NF_NIX32));
	else if (p->size && t->size != p->size)
		find(p, STORE_FAULT_DATABASE, "its size is %llu, not %llu",
		     (unsigned long long)t->size, (unsigned long long)p->size);
	if (t->odd_count > 1)
		find(p, STORE_FAULT_METADATA,
		     "%s, and %zu more are not as Nix makes them", t->odd,
		     t->odd_count - 1);
	else if (t->odd)
		find(p, STORE_FAULT_METADATA, "%s", t->odd);
}

/* A path that the disk cannot return is damaged; one that this user may not read is not.
 */
static enum store_fault fault_of(int rc, const struct nf_err *err)
{
	if (rc == -NF_E_MISSING)
		return STORE_FAULT_MISSING;
	if (rc == -NF_E_SYS && (err->sys_errno == EACCES || err->sys_errno == EPERM))
		return STORE_FAULT_UNREADABLE;
	return STORE_FAULT_CORRUPT;
}

static void check_path(struct check_path *p)
{
	enum nf_hash_algo algo = p->faults & ROW_HASH ? NF_SHA256 : p->hash.algo;
	AUTO(tree_check_release) struct tree_check t = { 0 };
	AUTO_BUF struct buf names = { 0 };
	struct nf_err err = { 0 };
	int rc = tree_check(&t, &p->run->place, p->base, algo, p->run->opts->progress,
			    &err);

	if (rc == -NF_E_INTR || (rc && err_is_shortage(&err) &&
				 fault_of(rc, &err) != STORE_FAULT_UNREADABLE)) {
		set_failed(p->run, rc, &err);
		return;
	}
	if (rc)
		find(p, fault_of(rc, &err), "%s", err.text);
	else
		judge_contents(p, &t);
	if (!p->faults)
		return;
	buf_init(&names, CAUSE_MAX);
	row_form_name(&names, p->faults);
	find(p, STORE_FAULT_DATABASE, "Nix may not be able to read its %s", names.ptr);
}

static void run_job(void *job, size_t worker)
{
	struct check_path *p = job;
	int item;

	(void)worker;
	if (p->run->failed)
		return;
	item = progress_begin(p->run->opts->progress, "check", p->base);
	check_path(p);
	progress_end(p->run->opts->progress, item);
	progress_add(p->run->opts->progress, PROGRESS_PATHS_DONE, 1);
}

/* ---- all of them ---- */

static void find_wanted(struct store_check *c)
{
	char text[NF_STOREPATH_TEXT_MAX];

	for (size_t i = 0; i < c->opts->count; i++) {
		const struct nf_storepath *path = &c->opts->paths[i];
		const uintptr_t *at = map_get(&c->by_base, nf_storepath_base(path));

		if (at)
			c->paths[*at].is_wanted = true;
		else
			add_finding(c, STORE_FAULT_MISSING,
				    nf_slice_str(nf_storepath_format(text, path)),
				    "it is not valid");
	}
}

static void count_work(struct store_check *c)
{
	size_t threads = c->opts->jobs ? c->opts->jobs : workers_cpu_count();

	for (size_t i = 0; i < c->len; i++) {
		struct check_path *p = &c->paths[i];

		p->is_wanted |= !c->opts->paths;
		c->ret->paths += p->is_wanted;
		c->ret->bytes += p->is_wanted ? p->size : 0;
	}
	for (size_t i = 0; i < c->len; i++)
		c->paths[i].is_large =
			c->paths[i].size > c->ret->bytes / threads / LARGE_PART;
	progress_add(c->opts->progress, PROGRESS_PATHS_TOTAL, c->ret->paths);
	progress_add(c->opts->progress, PROGRESS_BYTES_TOTAL, c->ret->bytes);
}

/* Large paths first, because a large one at the end would occupy one thread alone; then
 * in the order of their inodes. */
static int cmp_paths(const void *a, const void *b)
{
	const struct check_path *x = *(struct check_path *const *)a;
	const struct check_path *y = *(struct check_path *const *)b;

	if (x->is_large != y->is_large)
		return x->is_large ? -1 : 1;
	if (x->is_large && x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return (x->ino > y->ino) - (x->ino < y->ino);
}

static int run_all(struct store_check *c, struct nf_err *err)
{
	size_t threads = c->opts->jobs ? c->opts->jobs : workers_cpu_count();
	AUTO_FREE struct check_path **order =
		mem_calloc(c->len, sizeof(struct check_path *));
	AUTO(workers_freep) struct workers *w = workers_new(threads, threads);
	size_t count = 0;

	for (size_t i = 0; i < c->len; i++)
		if (c->paths[i].is_wanted)
			order[count++] = &c->paths[i];
	if (count)
		qsort(order, count, sizeof(*order), cmp_paths);
	for (size_t i = 0; i < count && !c->failed && !interrupt_pending(); i++)
		workers_submit(w, run_job, order[i]);
	workers_wait(w, -1);
	if (c->failed && err)
		*err = c->error;
	return c->failed ? c->failed : interrupt_check(err);
}

/* ---- what shares files ---- */

static void take_link(void *ctx, const char *link, const char *cause)
{
	AUTO_FREE char *path = mem_printf(NF_STORE_DIR "/.links/%s", link);

	add_finding(ctx, STORE_FAULT_LINK, nf_slice_str(path), cause);
}

/* Only if all paths were read. */
static int check_links(struct store_check *c, struct nf_err *err)
{
	const struct store_check_result *r = c->ret;
	AUTO_FREE const char **corrupt = mem_calloc(r->count + 1, sizeof(char *));
	struct links_check check = {
		.place = &c->place,
		.corrupt = corrupt,
		.found = take_link,
		.ctx = c,
	};

	if (c->opts->paths)
		return 0;
	for (size_t i = 0; i < r->count; i++)
		if (r->findings[i].fault == STORE_FAULT_CORRUPT)
			corrupt[check.count++] =
				r->findings[i].path + strlen(NF_STORE_DIR "/");
	return links_check(&check, err);
}

static int cmp_findings(const void *a, const void *b)
{
	const struct store_finding *x = a, *y = b;
	int order = strcmp(x->path, y->path);

	return order ? order : (int)x->fault - (int)y->fault;
}

static int cmp_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_result(struct store_check_result *r)
{
	if (r->count)
		qsort(r->findings, r->count, sizeof(*r->findings), cmp_findings);
	if (r->unknown_count)
		qsort(r->unknown, r->unknown_count, sizeof(*r->unknown), cmp_names);
}

int store_check(struct store_check_result *ret, const char *root,
		const struct store_check_options *opts, struct nf_err *err)
{
	AUTO(check_release)
	struct store_check c = { .opts = opts, .ret = ret, .place.store_fd = -1 };
	int rc;

	*ret = (struct store_check_result){ 0 };
	pthread_mutex_init(&c.lock, NULL);
	map_init(&c.by_base);
	arena_init(&c.names);
	progress_phase(opts->progress, "checking");
	rc = open_store(&c, root, err);
	if (!rc)
		rc = read_database(&c, err);
	if (!rc)
		rc = read_directory(&c, err);
	if (rc)
		return rc;
	find_wanted(&c);
	count_work(&c);
	rc = run_all(&c, err);
	if (!rc)
		rc = check_links(&c, err);
	sort_result(ret);
	return rc;
}

void store_check_release(struct store_check_result *r)
{
	drop_findings(r);
	for (size_t i = 0; i < r->unknown_count; i++)
		free(r->unknown[i]);
	free(TAKE_PTR(r->unknown));
	r->unknown_count = 0;
}
