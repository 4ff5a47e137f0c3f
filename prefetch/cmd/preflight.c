#include "cmd/preflight.h"

#include <libgen.h>

#include "base/free_space.h"
#include "base/mem.h"
#include "cmd/human.h"
#include "pool/pack_output.h"

/* With more free space the first NARs do not wait for the last answer. */
#define ENOUGH (16ULL << 30)

int preflight_output(const char *output, bool json, bool read_only, struct nf_err *err)
{
	if (json && pack_output_is_stdout(output))
		return err_set(err, NF_E_USAGE,
			       "--json and --output - both want standard output");
	return pack_output_check(output, read_only, err);
}

/* free(); NULL where there is no file. */
static char *output_dir(const struct preflight *p)
{
	AUTO_FREE char *copy = NULL;

	if (!p->output || !pack_output_is_file(p->output))
		return NULL;
	copy = mem_strdup(p->output);
	return mem_strdup(dirname(copy));
}

static int check(const char *what, const struct free_space *fs, uint64_t bytes,
		 uint64_t inodes, struct nf_err *err)
{
	char has[HUMAN_MAX], needs[HUMAN_MAX];

	if (bytes > fs->bytes)
		return err_set(err, NF_E_NOSPACE,
			       "%s has %s free, at least %s are needed, as caches state "
			       "the sizes",
			       what, human_size(has, fs->bytes),
			       human_size(needs, bytes));
	if (inodes > fs->inodes)
		return err_set(
			err, NF_E_NOSPACE, "%s has %llu free inodes, %llu are needed",
			what, (unsigned long long)fs->inodes, (unsigned long long)inodes);
	return 0;
}

/* A NAR and a narinfo each; what came of them before takes its space already. The bundle
 * is as large as the files that it is made of. */
int preflight_sizes(void *ctx, const struct fetch_sizes *s, struct nf_err *err)
{
	const struct preflight *p = ctx;
	AUTO_FREE char *dir = output_dir(p);
	AUTO_FREE char *pool = mem_printf("pool '%s'", pool_dir(p->pool));
	AUTO_FREE char *output = dir ? mem_printf("output '%s'", p->output) : NULL;
	struct free_space at_pool, at_output;
	uint64_t partial = pool_partial_total(p->pool);
	uint64_t bytes = s->least_bytes > partial ? s->least_bytes - partial : 0;
	uint64_t bundle = s->least_bytes + s->here_bytes;
	int rc;

	if (free_space_of_path(&at_pool, pool_dir(p->pool), NULL))
		return 0;
	rc = check(pool, &at_pool, bytes, 2 * (uint64_t)s->paths, err);
	if (rc || !dir || free_space_of_path(&at_output, dir, NULL))
		return rc;
	if (at_output.dev != at_pool.dev)
		return check(output, &at_output, bundle, 1, err);
	free(TAKE_PTR(pool));
	pool = mem_printf("the file system of pool '%s' and output '%s'",
			  pool_dir(p->pool), p->output);
	return check(pool, &at_pool, bytes + bundle, 2 * (uint64_t)s->paths + 1, err);
}

bool preflight_is_tight(const struct preflight *p)
{
	AUTO_FREE char *dir = output_dir(p);
	struct free_space fs;

	if (!free_space_of_path(&fs, pool_dir(p->pool), NULL) && fs.bytes < ENOUGH)
		return true;
	return dir && !free_space_of_path(&fs, dir, NULL) && fs.bytes < ENOUGH;
}
