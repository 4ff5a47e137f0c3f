/* For tests that cannot run here. */
#ifndef SKIP_H
#define SKIP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Ends the test, which counts as skipped; the report gives the reason. */
#define skip_because(reason)                                                             \
	do {                                                                             \
		print_message("skipped: %s: %s\n", __func__, (reason));                  \
		skip();                                                                  \
	} while (0)

#endif
