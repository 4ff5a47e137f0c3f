/* SIGINT, SIGTERM and SIGHUP end long work in an orderly way. */
#ifndef INTERRUPT_H
#define INTERRUPT_H

#include <stdbool.h>

#include "base/err.h"

/* Installs the handlers. A signal that comes half a second or more after the first ends
 * the process at once; one that comes earlier counts as the same. A signal that the
 * parent had ignored (nohup) stays ignored. */
void interrupt_install(void);

bool interrupt_pending(void);

/* 0, or NF_E_INTR if a signal came. For loops. */
int interrupt_check(struct nf_err *err) MUST_CHECK;

/* As if a signal came: for tests. Setting it to false takes it back. */
void interrupt_set(bool pending);

#endif
