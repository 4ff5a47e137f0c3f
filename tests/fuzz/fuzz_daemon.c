/* What nix-daemon sends: messages, then a path info, then a list of paths. Whatever was
 * understood of a path info is sent and read again as it was. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "store/daemon_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
	const uint8_t *next;
	size_t left;
};

static int give_bytes(void *ctx, void *to, size_t size, size_t *ret_len,
		      struct nf_err *err)
{
	struct bytes *b = ctx;
	size_t n = b->left < size ? b->left : size;

	if (!n)
		return err_set(err, NF_E_SYS, "the end");
	memcpy(to, b->next, n);
	b->next += n;
	b->left -= n;
	*ret_len = n;
	return 0;
}

static int get_messages(struct daemon_in *in)
{
	enum daemon_message kind = DAEMON_LOG;
	char error[DAEMON_ERROR_TEXT_MAX];
	int rc = 0;

	while (!rc && kind == DAEMON_LOG)
		rc = daemon_get_message(in, &kind, error, NULL);
	if (!rc && kind == DAEMON_ERROR)
		assert(strlen(error) < sizeof(error) && !strpbrk(error, "\n\r\033"));
	return rc;
}

static void send_again(const struct nf_pathinfo *info)
{
	struct nf_pathinfo again;
	struct buf out;
	struct bytes b;
	struct daemon_in in = { .fill = give_bytes, .ctx = &b };

	buf_init(&out, DAEMON_REQUEST_MAX);
	daemon_put_info(&out, info);
	assert(!buf_failed(&out));
	b = (struct bytes){ (const uint8_t *)out.ptr, out.len };
	nf_pathinfo_init(&again);
	assert(!daemon_get_info(&in, &again, NULL));
	assert(again.nrefs == info->nrefs && again.nar_size == info->nar_size);
	assert(nf_hash_eq(&again.nar_hash, &info->nar_hash));
	assert(nf_slice_eq(again.ca, info->ca));
	nf_pathinfo_release(&again);
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { data, size };
	struct daemon_in in = { .fill = give_bytes, .ctx = &b };
	struct nf_pathinfo info;
	struct nf_storepath path;
	uint64_t count = 0;

	nf_pathinfo_init(&info);
	if (!get_messages(&in) && !daemon_get_info(&in, &info, NULL))
		send_again(&info);
	if (!get_messages(&in) && !daemon_get_count(&in, DAEMON_ITEMS_MAX, &count, NULL))
		while (count-- && !daemon_get_path(&in, &path, NULL))
			assert(path.len == strlen(path.base));
	nf_pathinfo_release(&info);
	return 0;
}
