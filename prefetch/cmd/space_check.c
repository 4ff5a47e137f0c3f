#include "cmd/space_check.h"

#include "base/buf.h"
#include "base/mem.h"
#include "cmd/human.h"

#define NAMES_MAX 1024

static bool is_first_of_its_kind(const struct space_use *uses, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (uses[k].space.dev == uses[i].space.dev)
			return false;
	return true;
}

/* "pool 'A'", or "the file system of pool 'A', output 'B' and store 'C'". */
static void add_names(struct buf *out, const struct space_use *const *uses, size_t count)
{
	if (count > 1)
		buf_add_str(out, "the file system of ");
	for (size_t i = 0; i < count; i++) {
		const char *between = i + 1 < count ? ", " : " and ";

		buf_addf(out, "%s%s '%.200s'", i ? between : "", uses[i]->kind,
			 uses[i]->name);
	}
}

/* USES are all on one file system. */
static int check_together(const struct space_use *const *uses, size_t count,
			  struct nf_err *err)
{
	const struct free_space *space = &uses[0]->space;
	char has[HUMAN_MAX], needs[HUMAN_MAX];
	AUTO_BUF struct buf names = { 0 };
	uint64_t bytes = 0, inodes = 0;

	buf_init(&names, NAMES_MAX);
	add_names(&names, uses, count);
	for (size_t i = 0; i < count; i++) {
		bytes += uses[i]->bytes;
		inodes += uses[i]->inodes;
	}
	if (bytes > space->bytes)
		return err_set(
			err, NF_E_NOSPACE,
			"%.*s has %s free, but at least %s are needed, according to the caches",
			NF_SLICE_ARG(buf_slice(&names)), human_size(has, space->bytes),
			human_size(needs, bytes));
	if (inodes > space->inodes)
		return err_set(err, NF_E_NOSPACE,
			       "%.*s has %llu free inodes, but %llu are needed",
			       NF_SLICE_ARG(buf_slice(&names)),
			       (unsigned long long)space->inodes,
			       (unsigned long long)inodes);
	return 0;
}

int space_check(const struct space_use *uses, size_t count, struct nf_err *err)
{
	AUTO_FREE const struct space_use **together =
		mem_calloc(count, sizeof(struct space_use *));
	int rc = 0;

	for (size_t i = 0; !rc && i < count; i++) {
		size_t n = 0;

		if (!is_first_of_its_kind(uses, i))
			continue;
		for (size_t k = i; k < count; k++)
			if (uses[k].space.dev == uses[i].space.dev)
				together[n++] = &uses[k];
		rc = check_together(together, n, err);
	}
	return rc;
}
