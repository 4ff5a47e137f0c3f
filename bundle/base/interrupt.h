/* SIGINT, SIGTERM and SIGHUP end long work in an orderly way, and so does a caller of the
 * library. */
#ifndef INTERRUPT_H
#define INTERRUPT_H

#include <nixferry/watch.h>
#include <stdbool.h>

#include "base/err.h"

/* Installs the handlers. A signal that comes half a second or more after the first ends
 * the process at once; one that comes earlier counts as the same. A signal that the
 * parent had ignored (nohup) stays ignored. */
void interrupt_install(void);

/* True if a signal came, or if the watch of this thread says that the call is cancelled.
 */
bool interrupt_pending(void);

/* The watch of this thread (borrowed; it has is_cancelled), or NULL. Workers have that of
 * the thread that started them. */
void interrupt_set_watch(const struct nf_watch *watch);
const struct nf_watch *interrupt_watch(void);

/* 0, or NF_E_INTR if it is pending. For loops. */
int interrupt_check(struct nf_err *err) MUST_CHECK;

/* As if a signal came: for tests. Setting it to false takes it back. */
void interrupt_set(bool pending);

#endif
