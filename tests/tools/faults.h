/* Decides which call meets a fault; the calls are in faults_calls.c. */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdbool.h>
#include <stddef.h>

/* Whether this call, on PATH (or NULL) relative to FD, must fail. Does not return if the
 * process must end there. */
bool faults_meets(const char *call, int fd, const char *path);

/* The same for a call that writes these bytes. */
bool faults_meets_write(const char *call, int fd, const void *p, size_t len);

/* The same for a call on no file: only its name counts. */
bool faults_meets_fileless(const char *call);

/* The errno of a call that must fail. */
int faults_errno(void);

/* Whether a write ends half-way instead. */
bool faults_are_short(void);

#endif
