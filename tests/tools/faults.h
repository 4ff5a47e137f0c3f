/* Which call meets a fault; the calls themselves are in faults_calls.c. */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdbool.h>
#include <stddef.h>

/* Whether this call, on PATH (or NULL) relative to FD, meets the fault. A process that is
 * to be killed there does not return. */
bool faults_meets(const char *call, int fd, const char *path);

/* The same for a call that writes these bytes. */
bool faults_meets_write(const char *call, int fd, const void *p, size_t len);

/* The same for a call that has nothing to do with a file: it counts only by its name. */
bool faults_meets_fileless(const char *call);

/* The error that a call gets which meets the fault. */
int faults_errno(void);

/* Whether a write is to end half-way instead. */
bool faults_are_short(void);

#endif
