#include "cmd/candidates.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <nixferry/storepath.h>

#include "base/cleanup.h"
#include "base/dir_entries.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "input/flake_ref.h"
#include "input/nix_settings.h"

/* Characters, besides letters and digits, that no shell treats specially in a word. */
#define PLAIN "/.-_+:=@%,"

static bool is_plain(struct nf_slice value)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" PLAIN;

	for (size_t i = 0; i < value.len; i++)
		if (!value.ptr[i] || !strchr(letters, value.ptr[i]))
			return false;
	return value.len > 0;
}

/* BEFORE is put before VALUE. */
static void offer(struct buf *out, struct nf_slice before, struct nf_slice value,
		  struct nf_slice word)
{
	if (!is_plain(value) || value.len < word.len ||
	    memcmp(value.ptr, word.ptr, word.len) != 0)
		return;
	buf_add_slice(out, before);
	buf_add_slice(out, value);
	buf_add_char(out, '\n');
}

static void add_caches(struct buf *out, const char *word)
{
	AUTO(nix_settings_release) struct nix_settings s = { 0 };

	if (nix_settings_load(&s, NULL))
		return;
	for (size_t i = 0; i < s.substituters.count; i++)
		offer(out, NF_SLICE_LIT(""), nf_slice_str(s.substituters.items[i].text),
		      nf_slice_str(word));
}

static bool has_flake(const char *dir)
{
	AUTO_FREE char *file = mem_printf("%s/flake.nix", dir);

	return (*dir == '.' || *dir == '/') && access(file, R_OK) == 0;
}

static void add_flake_names(struct buf *out, const char *word)
{
	const char *mark = strchr(word, '#');
	size_t len = mark ? (size_t)(mark - word) : 0;
	AUTO_FREE char *dir = mem_strndup(word, len);
	AUTO_BUF struct buf names = { 0 };
	struct nf_slice rest;

	buf_init(&names, 64 * KIB);
	if (!mark || !has_flake(dir) || flake_ref_configurations_soon(&names, dir, NULL))
		return;
	rest = buf_slice(&names);
	while (rest.len)
		offer(out, (struct nf_slice){ word, len + 1 }, slice_cut(&rest, '\n'),
		      nf_slice_str(mark + 1));
}

static void add_store_paths(struct buf *out, const char *word)
{
	struct nf_slice base = nf_slice_str(word);
	AUTO_FD int fd = open(NF_STORE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;
	struct nf_storepath path;
	struct dir_entries d;

	if (!slice_skip_prefix(&base, NF_STORE_DIR "/")) {
		if (strncmp(word, NF_STORE_DIR "/", base.len) != 0)
			return;
		base = NF_SLICE_LIT("");
	}
	if (fd < 0)
		return;
	dir_entries_begin(&d, fd);
	while ((entry = dir_entries_next(&d))) {
		struct nf_slice name = nf_slice_str(entry->d_name);

		if (!nf_storepath_parse_base(&path, name, NULL))
			offer(out, NF_SLICE_LIT(NF_STORE_DIR "/"), name, base);
	}
	(void)!dir_entries_end(&d);
}

bool candidates_add(struct buf *out, const char *kind, const char *word)
{
	static const struct {
		const char *name;
		void (*add)(struct buf *out, const char *word);
	} kinds[] = {
		{ CANDIDATES_CACHES, add_caches },
		{ CANDIDATES_FLAKE_NAMES, add_flake_names },
		{ CANDIDATES_STORE_PATHS, add_store_paths },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, kind) == 0) {
			kinds[i].add(out, word);
			return true;
		}
	}
	return false;
}
