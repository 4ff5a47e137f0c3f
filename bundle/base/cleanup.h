/* Cleanup at the end of a scope. Initialise the variable with a value that can be
 * released. Hand it over with TAKE_PTR or TAKE_FD as the last step before success. */
#ifndef CLEANUP_H
#define CLEANUP_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* AUTO(x_freep) struct x *p = NULL; calls x_freep(&p) at the end of the scope. */
#define AUTO(fn)  __attribute__((cleanup(fn)))
#define AUTO_FREE AUTO(cleanup_free)
#define AUTO_FD	  AUTO(cleanup_fd)

#define TAKE_PTR(p)                                                                      \
	({                                                                               \
		__typeof__(p) taken_ = (p);                                              \
		(p) = NULL;                                                              \
		taken_;                                                                  \
	})

#define TAKE_FD(fd)                                                                      \
	({                                                                               \
		int taken_ = (fd);                                                       \
		(fd) = -1;                                                               \
		taken_;                                                                  \
	})

/* Defines NAMEp(), for AUTO(NAMEp), which calls NAME on what its argument points to. */
#define DEFINE_CLEANUP(type, name)                                                       \
	static inline void name##p(type *p)                                              \
	{                                                                                \
		if (*p)                                                                  \
			name(*p);                                                        \
	}

static inline void cleanup_free(void *p)
{
	int saved = errno;

	free(*(void **)p);
	errno = saved;
}

static inline void cleanup_fd(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

#endif
