/* Shared by the files that implement intake.h. */
#ifndef INTAKE_PRIVATE_H
#define INTAKE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/map.h"
#include "store/intake.h"
#include "store/store_db.h"
#include "store/store_links.h"
#include "store/target.h"
#include "store/temp_roots.h"
#include "store/unpack_dir.h"

struct intake_lost_path;

/* A path that was added. */
struct intake_waiting {
	struct nf_pathinfo info;
	struct intake_tree tree;
	char *token;
	bool was_valid;	  /* it was valid when its turn came, */
	bool was_lost;	  /* but missing on the disk, */
	bool was_damaged; /* or damaged: it is to be replaced */
	bool is_placed;	  /* its tree */
};

struct intake_waiting_list {
	struct intake_waiting **items;
	size_t len, cap;
};

/* What is known of a path without asking the database. */
enum intake_known {
	INTAKE_WAITING = 1,
	INTAKE_VALID,
};

/* What was found of a path on the disk. */
enum intake_damage {
	INTAKE_RESTORED = 1,
	INTAKE_MISSING,
	INTAKE_DAMAGED,
};

struct intake {
	struct target target;	       /* empty (names only) with INTAKE_READ */
	struct temp_roots *temp_roots; /* NULL when reading */
	struct unpack_dir unpack_dir;  /* not open when reading */
	struct store_links *links;     /* NULL: files are not shared */
	struct progress *progress;
	struct free_space space; /* free space at opening */
	atomic_uint temp_number;
	void (*on_registered)(void *ctx, const char *token);
	void *ctx;

	pthread_mutex_t db_lock;
	struct store_db *db; /* NULL if there is none: nothing is valid */

	pthread_mutex_t
		lock; /* guards everything below; never held while waiting for db_lock */
	struct intake_waiting_list waiting;
	struct map known;
	struct arena names; /* keys of the map */
	struct intake_lost_path *lost;
	size_t lost_len, lost_cap;
	struct map lost_by_base;
	bool repairs;	    /* intake_find_damage was called */
	struct map damaged; /* base name -> enum intake_damage */
	bool is_broken;
	bool is_lock_left; /* the directory for trees then stays, and makes a later run
			      remove it */
	struct nf_import_result done; /* present: those that another process made valid */
};

void intake_waiting_free(struct intake_waiting *w);
void intake_waiting_push(struct intake_waiting_list *l, struct intake_waiting *w);
/* Returns false if that, or more, was already known. The caller holds the lock. */
bool intake_note_known(struct intake *in, struct nf_slice base, enum intake_known what);
/* As intake_find and intake_is_valid, from the database alone. */
int intake_find_row(struct intake *in, const struct nf_storepath *path, bool with_refs,
		    struct nf_pathinfo *info, struct nf_err *err) MUST_CHECK;
int intake_has_row(struct intake *in, const struct nf_storepath *path, bool *ret,
		   struct nf_err *err) MUST_CHECK;
/* Records that a valid path is missing on the disk. Reports it the first time. */
void intake_note_lost(struct intake *in, const struct nf_pathinfo *row);
/* Whether a path was found damaged and is not restored. */
bool intake_is_damaged(struct intake *in, struct nf_slice base);
/* Replaces what is there with the tree of W, which was damaged. */
int intake_replace(struct intake *in, struct intake_waiting *w,
		   struct nf_err *err) MUST_CHECK;
/* Makes the rows of restored paths those of their contents. */
int intake_rewrite(struct intake *in, const struct nf_pathinfo *const *infos,
		   size_t count, struct nf_err *err) MUST_CHECK;
/* Records that it is restored. */
void intake_note_restored(struct intake *in, struct nf_slice base);
void intake_lost_release(struct intake *in);
void intake_give_token_back(struct intake *in, const struct intake_waiting *w);

#endif
