/* Errors: a code, the system's errno where there is one, and one line of text.
 *
 * Every fallible function of the library returns 0 or a negative NF_E_... code and fills
 * the struct nf_err that it was given (NULL is allowed). Text names the object, then the
 * cause; it has no newline.
 *
 * Where memory runs out, or not even one thread can be started, there is no such error:
 * the process is aborted, with a line on standard error. */
#ifndef NIXFERRY_ERR_H
#define NIXFERRY_ERR_H

#include <nixferry/decls.h>

NF_BEGIN_DECLS

#define NF_ERR_TEXT_MAX 1024

enum nf_error {
	NF_E_SYS = 1, /* the system failed: I/O, memory, a bug */
	NF_E_USAGE,   /* invalid usage or configuration */
	NF_E_MISSING, /* a path is not in any cache, a reference or a file is missing */
	NF_E_TRUST,   /* a signature is missing, unknown or wrong */
	NF_E_FORMAT,  /* bytes that violate their format */
	NF_E_LIMIT,   /* a size from input is over its limit */
	NF_E_HASH,    /* a hash or size differs from the promised one */
	NF_E_UNSUPPORTED, /* a named encoding, algorithm or version that is not supported
			   */
	NF_E_NET,	  /* no cache could be reached, or a transfer failed */
	NF_E_NOSPACE,	  /* no space or no inodes left */
	NF_E_INTR,	  /* interrupted by the user */
};

struct nf_err {
	enum nf_error code;
	int sys_errno; /* 0 if the system was not involved */
	char text[NF_ERR_TEXT_MAX];
};

/* The process exit status for an error: ERROR is a code or its negative; 0 gives 0. */
int nf_exit_status(int error);

/* A short name of the class of an error ("not trusted", "corrupt"...); never NULL. */
const char *nf_error_name(int error);

NF_END_DECLS

#endif
