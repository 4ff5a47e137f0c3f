/* Bundles for tests, made of bytes in memory. */
#ifndef BUNDLE_FIXTURE_H
#define BUNDLE_FIXTURE_H

#include <nixferry/bundle.h>
#include <stddef.h>
#include <stdint.h>

#define FIXTURE_MEMBERS 64
/* A key for tests only; its public half is test-1:4J2X...Yp0=. */
#define FIXTURE_SECRET                                                                   \
	"test-1:UJYw9ftYVuXGQIlIkJnW5U9FtFiZTd4YbGDFMHwQSybgnZfBCiIOYdSidvDcDMhMS2ych"   \
	"xAXOPQp6InlVrRinQ=="
#define FIXTURE_PUBLIC "test-1:4J2XwQoiDmHUonbw3AzITEtsnIcQFzj0KeiJ5Va0Yp0="

struct fixture {
	struct nf_secret_key *key;
	struct nf_keyring *ring;
	struct nf_storepath root;
	struct nf_bundle_input inputs[FIXTURE_MEMBERS];
	char *bytes[FIXTURE_MEMBERS];
	size_t count;
	unsigned version; /* of the format */
	struct nf_bundle_terms terms;
	struct nf_bundle_required required;
};

/* The worked example of docs/bundle-format.md: nix-cache-info, one narinfo, one NAR. */
void fixture_small(struct fixture *f);
/* The same in version VERSION; 2 has all kinds of terms. */
void fixture_small_version(struct fixture *f, unsigned version);
/* 20 narinfos and 40 NARs from nothing to several MiB. */
void fixture_large(struct fixture *f);
void fixture_release(struct fixture *f);

void fixture_add(struct fixture *f, const char *name, const void *p, size_t len);

/* Writes the bundle with JOBS threads. */
int fixture_write(const struct fixture *f, int fd, size_t jobs, struct nf_err *err);

/* The bundle's bytes; free(). */
uint8_t *fixture_bytes(const struct fixture *f, size_t *ret_len);

/* A file in memory that holds the bytes. */
int fixture_file(const void *p, size_t len);

/* The reading end of a pipe; a separate thread sends the bytes, which must live until
 * fixture_pipe_close. */
struct fixture_pipe;
struct fixture_pipe *fixture_pipe_open(const void *p, size_t len);
int fixture_pipe_fd(const struct fixture_pipe *pipe);
void fixture_pipe_close(struct fixture_pipe *pipe);

/* Everything that a pipe gives, collected by a thread: write to its fd, then take. */
struct fixture_drain;
struct fixture_drain *fixture_drain_open(void);
int fixture_drain_fd(const struct fixture_drain *drain);
uint8_t *fixture_drain_take(struct fixture_drain *drain, size_t *ret_len);

#endif
