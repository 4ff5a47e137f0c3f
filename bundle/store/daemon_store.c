#include "store/daemon_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/slice.h"
#include "format/signature.h"

#define SIGNERS_MAX 512

/* The reply "1" to what only succeeds or fails. */
static int finish_simple(struct daemon_conn *c, struct nf_err *err)
{
	uint64_t one;
	int rc = daemon_conn_finish(c, err);

	return rc ? rc
		  : daemon_conn_fault(
			    c, daemon_get_number(daemon_conn_reply(c), &one, err), err);
}

int daemon_store_add_temp_roots(struct daemon_conn *c, const struct nf_slice *bases,
				size_t count, struct nf_err *err)
{
	size_t sent = 0, done = 0;
	int rc = 0;

	while (!rc && done < count) {
		for (; sent < count && sent - done < DAEMON_STORE_BATCH; sent++)
			daemon_put_path(daemon_conn_request(c, DAEMON_ADD_TEMP_ROOT),
					bases[sent]);
		rc = daemon_conn_send(c, err);
		for (; !rc && done < sent; done++)
			rc = finish_simple(c, err);
	}
	return rc;
}

/* The daemon names those that are valid. */
static int read_valid(struct daemon_conn *c, const struct map *asked, uint64_t max,
		      bool *ret, struct nf_err *err)
{
	struct daemon_in *in = daemon_conn_reply(c);
	struct nf_storepath path;
	uint64_t count;
	int rc = daemon_get_count(in, max, &count, err);

	for (uint64_t i = 0; !rc && i < count; i++) {
		const uintptr_t *place;

		rc = daemon_get_path(in, &path, err);
		place = rc ? NULL : map_get(asked, nf_storepath_base(&path));
		if (place)
			ret[*place] = true;
		else if (!rc)
			rc = err_set(err, NF_E_FORMAT, "'%s' was not asked for",
				     path.base);
	}
	return daemon_conn_fault(c, rc, err);
}

int daemon_store_query_valid(struct daemon_conn *c, const struct nf_slice *bases,
			     size_t count, bool *ret, struct nf_err *err)
{
	struct buf *out = daemon_conn_request(c, DAEMON_QUERY_VALID_PATHS);
	struct map asked;
	bool is_new;
	int rc;

	map_init(&asked);
	daemon_put_number(out, count);
	for (size_t i = 0; i < count; i++) {
		daemon_put_path(out, bases[i]);
		*map_put(&asked, bases[i], &is_new) = i;
		ret[i] = false;
	}
	daemon_put_number(out, 0); /* nothing is to be substituted */
	rc = daemon_conn_finish(c, err);
	if (!rc)
		rc = read_valid(c, &asked, count, ret, err);
	map_release(&asked);
	return rc;
}

static void ask_info(struct daemon_conn *c, const struct nf_storepath *path)
{
	daemon_put_path(daemon_conn_request(c, DAEMON_QUERY_PATH_INFO),
			nf_storepath_base(path));
}

static int read_info(struct daemon_conn *c, const struct nf_storepath *path,
		     struct nf_pathinfo *info, struct nf_err *err)
{
	struct daemon_in *in = daemon_conn_reply(c);
	bool valid = false;
	int rc;

	info->path = *path;
	rc = daemon_conn_finish(c, err);
	if (rc)
		return rc;
	rc = daemon_get_bool(in, &valid, err);
	if (!rc && valid)
		rc = daemon_get_info(in, info, err);
	if (rc)
		return daemon_conn_fault(c, rc, err);
	return valid ? 0
		     : err_set(err, NF_E_MISSING, "'" NF_STORE_DIR "/%s' is not valid",
			       path->base);
}

int daemon_store_find(struct daemon_conn *c, const struct nf_storepath *path,
		      struct nf_pathinfo *info, struct nf_err *err)
{
	nf_pathinfo_init(info);
	ask_info(c, path);
	return read_info(c, path, info, err);
}

int daemon_store_find_kept(struct daemon_conn *c, const struct nf_storepath *path,
			   struct nf_pathinfo *info, struct nf_err *err)
{
	int rc;

	nf_pathinfo_init(info);
	daemon_put_path(daemon_conn_request(c, DAEMON_ADD_TEMP_ROOT),
			nf_storepath_base(path));
	ask_info(c, path);
	rc = daemon_conn_send(c, err);
	if (!rc)
		rc = finish_simple(c, err);
	return rc ? rc : read_info(c, path, info, err);
}

int daemon_store_find_many(struct daemon_conn *c, const struct nf_storepath *const *paths,
			   size_t count, struct nf_pathinfo *infos, struct nf_err *err)
{
	int rc;

	for (size_t i = 0; i < count; i++) {
		nf_pathinfo_init(&infos[i]);
		ask_info(c, paths[i]);
	}
	rc = daemon_conn_send(c, err);
	for (size_t i = 0; !rc && i < count; i++)
		rc = read_info(c, paths[i], &infos[i], err);
	return rc;
}

/* ---- adding ---- */

/* The names of the keys that have signed it: "'a', 'b'". */
static void add_signers(struct buf *out, const struct nf_pathinfo *info)
{
	for (size_t i = 0; i < info->nsigs; i++) {
		struct nf_slice rest = info->sigs[i];
		struct nf_slice name = slice_cut(&rest, ':');

		buf_addf(out, "%s'%.*s'", i ? ", " : "", NF_SLICE_ARG(name));
	}
}

/* The daemon's settings decide, also for a user whom it trusts. */
static int tell_untrusted(const struct nf_pathinfo *info, struct nf_err *err)
{
	AUTO_BUF struct buf names = { 0 };

	buf_init(&names, SIGNERS_MAX);
	add_signers(&names, info);
	if (!info->nsigs)
		return err_set(err, NF_E_TRUST,
			       "nix-daemon refuses a path without a signature");
	return err_set(
		err, NF_E_TRUST,
		"nix-daemon does not trust the signatures by %s: add the key to trusted-public-keys in its nix.conf and restart it",
		names.len ? names.ptr : "these keys");
}

int daemon_store_add(struct daemon_conn *c, const struct nf_pathinfo *info,
		     struct nf_source *nar, struct nf_err *err)
{
	struct buf *out = daemon_conn_request(c, DAEMON_ADD_TO_STORE_NAR);
	int rc;

	daemon_put_path(out, nf_storepath_base(&info->path));
	daemon_put_info(out, info);
	daemon_put_number(out, 0); /* do not replace a valid path */
	daemon_put_number(out, 0); /* check signatures */
	rc = daemon_conn_send_nar(c, nar, err);
	if (!rc)
		rc = daemon_conn_finish(c, err);
	return rc == -NF_E_TRUST ? tell_untrusted(info, err) : rc;
}

int daemon_store_add_sigs(struct daemon_conn *c, const struct nf_pathinfo *info,
			  const struct nf_pathinfo *have, bool *ret_any,
			  struct nf_err *err)
{
	AUTO_FREE struct nf_slice *lacking =
		mem_calloc(info->nsigs, sizeof(struct nf_slice));
	struct buf *out;
	size_t count = 0;

	for (size_t i = 0; i < info->nsigs; i++)
		if (signature_is_ed25519(info->sigs[i]) &&
		    !nf_pathinfo_has_sig(have, info->sigs[i]))
			lacking[count++] = info->sigs[i];
	*ret_any = count > 0;
	if (!count)
		return 0;
	out = daemon_conn_request(c, DAEMON_ADD_SIGNATURES);
	daemon_put_path(out, nf_storepath_base(&info->path));
	daemon_put_number(out, count);
	for (size_t i = 0; i < count; i++)
		daemon_put_string(out, lacking[i]);
	return finish_simple(c, err);
}

int daemon_store_add_root(struct daemon_conn *c, const char *link, struct nf_err *err)
{
	daemon_put_string(daemon_conn_request(c, DAEMON_ADD_INDIRECT_ROOT),
			  nf_slice_str(link));
	return finish_simple(c, err);
}
