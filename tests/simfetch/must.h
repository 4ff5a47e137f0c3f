/* For failures of the simulator itself. */
#ifndef MUST_H
#define MUST_H

#include <stdio.h>
#include <stdlib.h>

#define MUST(rc, err)                                                                    \
	do {                                                                             \
		if (rc) {                                                                \
			fprintf(stderr, "simfetch: %s\n", (err)->text);                  \
			abort();                                                         \
		}                                                                        \
	} while (0)

#endif
