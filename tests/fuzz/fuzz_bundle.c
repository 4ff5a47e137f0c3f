/* Bundles from arbitrary bytes. A signature stops a fuzzer, so the first byte says who
 * signs:
 *   0  nobody: the rest is the file
 *   1  the rest is "MANIFEST\0PAYLOAD": a head is made for exactly these, with right
 * block digests where the manifest asks for as many, and signed and bit 7 makes a pipe of
 * it. What opens is read to its end; if all of it is accepted and we signed, writing the
 * same members must give the same bytes. */
#include <fcntl.h>
#include <nixferry/bundle.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/stream.h"
#include "format/block_digest.h"
#include "format/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* For tests only. */
#define SECRET                                                                           \
	"test-1:UJYw9ftYVuXGQIlIkJnW5U9FtFiZTd4YbGDFMHwQSybgnZfBCiIOYdSidvDcDMhMS2ych"   \
	"xAXOPQp6InlVrRinQ=="
#define PUBLIC "test-1:4J2XwQoiDmHUonbw3AzITEtsnIcQFzj0KeiJ5Va0Yp0="
#define DOMAIN "nixferry-bundle-manifest-1\n"

static struct nf_keyring *ring;
static struct nf_secret_key *key;

/* Making keys takes longer than reading most inputs. */
static void make_keys(void)
{
	ring = nf_keyring_new();
	if (nf_keyring_add(ring, NF_SLICE_LIT(PUBLIC), NULL) ||
	    nf_secret_key_parse(&key, NF_SLICE_LIT(SECRET), NULL))
		abort();
}

/* Corrects the manifest's blocks digest in place, to reach the code after that check. */
static void fix_blocks_digest(struct buf *manifest, const uint8_t *digests, size_t len)
{
	struct manifest m;
	struct buf fixed;

	buf_init(&fixed, MANIFEST_MAX);
	if (manifest_parse(&m, buf_slice(manifest), NULL) == 0 &&
	    block_digest_len(&m) == len) {
		block_digest_pin(&m, digests);
		manifest_format(&fixed, &m);
		buf_clear(manifest);
		buf_add_slice(manifest, buf_slice(&fixed));
	}
	manifest_release(&m);
	buf_release(&fixed);
}

static void sign_manifest(struct buf *out, struct nf_slice manifest,
			  struct nf_slice payload)
{
	struct manifest m = { .version = 1, .payload_size = payload.len };
	size_t blocks = (size_t)manifest_block_count(&m);
	uint8_t *digests = mem_calloc(2 * blocks, MANIFEST_DIGEST_SIZE);
	struct nf_slice version = manifest;
	struct buf text, message;
	char *sig, *line;

	m.version += slice_skip_prefix(&version, "nixferry-bundle 2\n");
	for (size_t i = 0; i < blocks; i++) {
		size_t left = payload.len - i * BUNDLE_BLOCK_SIZE;

		block_digest_put(digests, &m, i, payload.ptr + i * BUNDLE_BLOCK_SIZE,
				 left < BUNDLE_BLOCK_SIZE ? left : BUNDLE_BLOCK_SIZE);
	}
	buf_init(&text, MANIFEST_MAX);
	buf_add_slice(&text, manifest);
	fix_blocks_digest(&text, digests, block_digest_len(&m));
	buf_init(&message, MANIFEST_MAX);
	buf_add_str(&message, DOMAIN);
	buf_add_slice(&message, buf_slice(&text));
	sig = nf_sign(key, message.ptr, message.len);
	line = mem_printf("%s\n", sig);
	tar_add_member(out, "nixferry/manifest", text.ptr, text.len);
	tar_add_member(out, "nixferry/manifest.sig", line, strlen(line));
	tar_add_member(out, "nixferry/blocks", digests, block_digest_len(&m));
	buf_add_slice(out, payload);
	free(line);
	free(sig);
	buf_release(&message);
	buf_release(&text);
	free(digests);
}

/* Reads member I as input for a writer. */
static int read_input(struct nf_bundle *b, size_t i, struct nf_bundle_input *input)
{
	const struct nf_bundle_member *member = nf_bundle_member(b, i);
	struct nf_source *src;
	struct buf_sink sink;
	struct buf bytes;
	int rc;

	buf_init(&bytes, 64 * MIB);
	buf_sink_init(&sink, &bytes);
	if (nf_bundle_member_source(b, i, &src, NULL))
		abort();
	rc = source_copy(src, &sink.sink, NULL);
	source_close(src);
	if (!rc && bytes.len != member->size)
		abort();
	memcpy(input->name, member->name, sizeof(input->name));
	input->size = member->size;
	input->digest = member->digest;
	input->inodes = member->inodes;
	input->bytes = buf_take(&bytes);
	return rc;
}

static void write_again(const struct nf_bundle *b, const struct nf_bundle_input *inputs,
			const struct buf *bytes)
{
	struct nf_bundle_write_options opts = {
		.inputs = inputs,
		.input_count = nf_bundle_member_count(b),
		.roots = nf_bundle_root_count(b) ? nf_bundle_root(b, 0) : NULL,
		.root_count = nf_bundle_root_count(b),
		.key = key,
		.version = nf_bundle_version(b),
		.terms = nf_bundle_terms(b),
		.jobs = 1,
	};
	int fd = memfd_create("again", MFD_CLOEXEC);
	char *again = mem_alloc(bytes->len);

	if (nf_bundle_write(fd, "again", &opts, NULL) ||
	    lseek(fd, 0, SEEK_END) != (off_t)bytes->len ||
	    pread(fd, again, bytes->len, 0) != (ssize_t)bytes->len ||
	    memcmp(again, bytes->ptr, bytes->len) != 0)
		abort();
	close(fd);
	free(again);
}

/* Other notes are passed over, so they are not written again. */
static bool has_other_notes(const struct nf_bundle *b, struct nf_slice manifest)
{
	size_t notes = 0;

	while (manifest.ptr) {
		struct nf_slice line = slice_cut(&manifest, '\n');

		notes += slice_skip_prefix(&line, "note ");
	}
	return notes != nf_bundle_terms(b)->made_from_count;
}

static void read_all(struct nf_bundle *b, bool signs, const struct buf *bytes)
{
	size_t count = nf_bundle_member_count(b);
	struct nf_bundle_input *inputs = mem_calloc(count, sizeof(*inputs));
	int rc = 0;

	for (size_t i = 0; !rc && i < count; i++)
		rc = read_input(b, i, &inputs[i]);
	if (!rc && nf_bundle_check_rest(b, NULL) == 0 && signs)
		write_again(b, inputs, bytes);
	for (size_t i = 0; i < count; i++)
		free((void *)inputs[i].bytes);
	free(inputs);
}

static int open_bytes(const struct buf *bytes, bool pipe)
{
	int fds[2];

	if (pipe && bytes->len <= 60000) {
		if (pipe2(fds, O_CLOEXEC) ||
		    write(fds[1], bytes->ptr, bytes->len) != (ssize_t)bytes->len)
			abort();
		close(fds[1]);
		return fds[0];
	}
	fds[0] = memfd_create("bundle", MFD_CLOEXEC);
	if (pwrite(fds[0], bytes->ptr, bytes->len, 0) != (ssize_t)bytes->len)
		abort();
	return fds[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *start = (const char *)data + 1;
	struct nf_bundle *b;
	const char *middle;
	struct buf bytes;
	bool signs;
	int fd;

	if (size == 0)
		return 0;
	if (!ring)
		make_keys();
	buf_init(&bytes, 64 * MIB);
	middle = memchr(start, '\0', size - 1);
	signs = (data[0] & 1) && middle;
	if (signs) {
		size_t len = (size_t)(middle - start);

		sign_manifest(&bytes, nf_slice(start, len),
			      nf_slice(middle + 1, size - 2 - len));
	} else {
		buf_add(&bytes, start, size - 1);
	}
	fd = open_bytes(&bytes, data[0] & 0x80);
	if (nf_bundle_open(&b, fd, "fuzz", ring, NULL, NULL) == 0) {
		if (signs &&
		    has_other_notes(b, nf_slice(start, (size_t)(middle - start))))
			signs = false;
		read_all(b, signs, &bytes);
		nf_bundle_free(b);
	}
	close(fd);
	buf_release(&bytes);
	return 0;
}
