#include <limits.h>
#include <nixferry/slice.h>
#include <nixferry/storepath.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/stream.h"
#include "storejudge.h"

#define NAR_MAX (64 * MIB)

static bool read_file(struct buf *ret, const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct nf_err err;

	judge_join_path(path, dir, name);
	if (!file_read_input(path, ret, &err))
		return true;
	judge_complain("%s", err.text);
	return false;
}

/* The file that the narinfo of a path names. */
static bool read_nar(struct buf *ret, const char *dir, const char *path)
{
	char name[PATH_MAX], narinfo[PATH_MAX], line[PATH_MAX], url[PATH_MAX] = "";
	FILE *f;

	snprintf(name, sizeof(name), "%.*s.narinfo", NF_STOREPATH_HASH_LEN,
		 judge_base_name(path));
	judge_join_path(narinfo, dir, name);
	f = fopen(narinfo, "re");
	while (f && fgets(line, sizeof(line), f) && sscanf(line, "URL: %4000s", url) != 1)
		;
	if (f)
		fclose(f);
	if (*url)
		return read_file(ret, dir, url);
	judge_complain("'%s' names no NAR", narinfo);
	return false;
}

static bool decode(struct buf *ret, const struct buf *file, const char *path)
{
	AUTO(source_closep)
	struct nf_source *s =
		decoder_new(CODEC_ZSTD, nf_source_of_memory(buf_slice(file).ptr,
							    buf_slice(file).len));
	struct buf_sink sink;
	struct nf_err err;

	buf_sink_init(&sink, ret);
	if (!source_copy(s, &sink.sink, &err))
		return true;
	judge_complain("'%s': %s", path, err.text);
	return false;
}

void judge_pool(const char *pool, const char *cache, char **paths)
{
	for (; *paths; paths++) {
		AUTO_BUF struct buf ours = { 0 }, nar = { 0 }, made = { 0 };

		buf_init(&ours, NAR_MAX);
		buf_init(&nar, NAR_MAX);
		buf_init(&made, NAR_MAX);
		if (read_nar(&ours, pool, *paths) && decode(&nar, &ours, *paths) &&
		    read_nar(&made, cache, *paths) &&
		    !nf_slice_eq(buf_slice(&nar), buf_slice(&made)))
			judge_complain("'%s' differs in '%s' and '%s'", *paths, pool,
				       cache);
	}
	judge_look_for_temporary(pool);
}
