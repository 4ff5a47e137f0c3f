/* What the files of intake.h share. */
#ifndef INTAKE_PRIVATE_H
#define INTAKE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/map.h"
#include "store/intake.h"
#include "store/store_db.h"
#include "store/target.h"

struct intake_lost_path;

/* A path that was handed over. */
struct intake_waiting {
	struct nf_pathinfo info;
	struct intake_tree tree;
	char *token;
	bool was_valid; /* when its turn came, */
	bool was_lost;	/* but it was not on the disk */
	bool is_placed; /* its tree */
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

struct intake {
	struct target target; /* with INTAKE_READ only its names */
	int collector_fd;     /* the lock that keeps collectors out; -1: only reading */
	int temp_fd;	      /* of the directory for trees, locked; -1: only reading */
	struct progress *progress;
	struct free_space space; /* when it was opened */
	atomic_uint temp_number;
	void (*on_registered)(void *ctx, const char *token);
	void *ctx;

	pthread_mutex_t db_lock;
	struct store_db *db; /* NULL: there is none, nothing is valid */

	pthread_mutex_t lock; /* of all below; never held while db_lock is waited for */
	struct intake_waiting_list waiting;
	struct map known;
	struct arena names; /* the map's keys */
	struct intake_lost_path *lost;
	size_t lost_len, lost_cap;
	struct map lost_by_base;
	bool is_broken;
	bool is_lock_left; /* a later run removes it, told to by the directory for trees
			    */
	struct nf_import_result done; /* present: those that another made valid */
};

void intake_waiting_free(struct intake_waiting *w);
void intake_waiting_push(struct intake_waiting_list *l, struct intake_waiting *w);
/* False if that, or more, was known before. With the lock. */
bool intake_note_known(struct intake *in, struct nf_slice base, enum intake_known what);
/* As intake_find and intake_is_valid, of the database alone. */
int intake_find_row(struct intake *in, const struct nf_storepath *path, bool with_refs,
		    struct nf_pathinfo *info, struct nf_err *err) MUST_CHECK;
int intake_has_row(struct intake *in, const struct nf_storepath *path, bool *ret,
		   struct nf_err *err) MUST_CHECK;
/* A valid path is not there: its row says so. Told to people the first time. */
void intake_note_lost(struct intake *in, const struct nf_pathinfo *row);
/* Now it is. */
void intake_note_restored(struct intake *in, struct nf_slice base);
void intake_lost_release(struct intake *in);
void intake_give_token_back(struct intake *in, const struct intake_waiting *w);

#endif
