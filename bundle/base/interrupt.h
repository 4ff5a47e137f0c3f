/* SIGINT, SIGTERM and SIGHUP, or a caller of the library, end long work in an orderly
 * way. */
#ifndef INTERRUPT_H
#define INTERRUPT_H

#include <nixferry/watch.h>
#include <stdbool.h>

#include "base/err.h"

/* Installs the handlers. A signal half a second or more after the first ends the process
 * at once; an earlier one counts as the same signal. A signal that the parent ignored
 * (nohup) stays ignored. */
void interrupt_install(void);

/* True if a signal arrived, or if the watch of this thread says that the call is
 * cancelled. */
bool interrupt_pending(void);

/* The watch of this thread (borrowed; has is_cancelled), or NULL. Workers inherit it from
 * the thread that started them. */
void interrupt_set_watch(const struct nf_watch *watch);
const struct nf_watch *interrupt_watch(void);

/* For loops: 0, or NF_E_INTR if an interruption is pending. */
int interrupt_check(struct nf_err *err) MUST_CHECK;

/* What is called before a signal ends the process at once, or NULL: it may only do what a
 * signal handler may. */
void interrupt_set_last_act(void (*act)(void));

/* For tests: acts as if a signal had arrived; false undoes that. */
void interrupt_set(bool pending);

#endif
