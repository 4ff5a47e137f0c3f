/* A store that is mounted read-only, as NixOS mounts its own. */
#ifndef STORE_MOUNT_H
#define STORE_MOUNT_H

#include "base/err.h"

/* If the store below ROOT is mounted read-only, moves this process into a mount namespace
 * of its own and makes the store writable there; no other process sees the change. Call
 * it before the first thread starts, and before a sandbox forbids it. */
int store_mount_make_writable(const char *root, struct nf_err *err) MUST_CHECK;

#endif
