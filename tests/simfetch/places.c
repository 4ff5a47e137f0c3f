#include "places.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "bulk.h"
#include "must.h"
#include "store/store_db.h"

#define NARINFO_MAX_LEN 8192

static void make_dir(const char *dir, const char *name)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, name);

	if (mkdir(path, 0755) && errno != EEXIST) {
		perror(path);
		abort();
	}
}

static void write_text(const char *dir, const char *name, struct nf_slice text)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
	FILE *f = fopen(path, "w");

	if (!f || fwrite(text.ptr, 1, text.len, f) != text.len || fclose(f)) {
		perror(path);
		abort();
	}
}

/* ---- a cache's directory ---- */

static void add_entry(const struct fetch_world *w, size_t cache, size_t path,
		      const char *dir)
{
	const struct net_offer *o = world_offer(w, cache, path);
	struct goods *g = &w->paths[path].goods;
	AUTO_FREE char *name =
		mem_printf("%.*s.narinfo", NF_STOREPATH_HASH_LEN, g->info.path.base);
	AUTO_FREE char *url = mem_printf("nar/%zu.nar", path);
	AUTO_FREE char *file = mem_printf("%s/%s", dir, url);
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, NARINFO_MAX_LEN);
	goods_narinfo(g, o->encoding, o->info_faults, url, &text);
	write_text(dir, name, buf_slice(&text));
	if (!(o->nar_faults & NAR_GONE))
		bulk_make_file(file, world_file_size(w, cache, path));
}

static void make_directory(const struct fetch_world *w, size_t cache, const char *dir)
{
	make_dir(dir, "nar");
	write_text(dir, "nix-cache-info", NF_SLICE_LIT("StoreDir: " NF_STORE_DIR "\n"));
	for (size_t i = 0; i < w->path_count; i++)
		if (world_offer(w, cache, i)->is_there)
			add_entry(w, cache, i, dir);
}

/* ---- a store ---- */

static void register_all(const struct fetch_world *w, const char *root)
{
	AUTO_FREE char *state = mem_printf("%s/nix/var/nix", root);
	AUTO_FREE const struct nf_pathinfo **infos =
		mem_calloc(w->path_count, sizeof(struct nf_pathinfo *));
	AUTO(store_db_freep) struct store_db *db = NULL;
	struct nf_err err;

	for (size_t i = 0; i < w->path_count; i++)
		infos[i] = &w->paths[i].goods.info;
	MUST(store_db_open(&db, state, STORE_DB_WRITE, &err), &err);
	MUST(store_db_register(db, -1, infos, w->path_count, 1700000000, &err), &err);
}

/* Each path is a file of zeros, unless it was lost. */
static void make_store(const struct fetch_world *w, size_t cache, const char *root)
{
	static const char *const dirs[] = { "nix", "nix/store", "nix/var", "nix/var/nix",
					    "nix/var/nix/db" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		make_dir(root, dirs[i]);
	register_all(w, root);
	for (size_t i = 0; i < w->path_count; i++) {
		AUTO_FREE char *path = mem_printf("%s/nix/store/%s", root,
						  w->paths[i].goods.info.path.base);

		if (!(world_offer(w, cache, i)->nar_faults & NAR_GONE))
			bulk_make_file(path, world_file_size(w, cache, i));
	}
}

void places_make(const struct fetch_world *w, const char *dir)
{
	for (size_t i = 0; i < w->cache_count; i++) {
		AUTO_FREE char *name = mem_printf("c%zu", i);
		AUTO_FREE char *place = mem_printf("%s/%s", dir, name);

		if (w->caches[i].place == NET_AWAY)
			continue;
		make_dir(dir, name);
		if (w->caches[i].place == NET_STORE)
			make_store(w, i, place);
		else
			make_directory(w, i, place);
	}
}
