/* Making errors. Each function returns its code, so that a failure is one statement:
 * return err_set(err, NF_E_FORMAT, "line %zu: no ':'", n); */
#ifndef ERR_H
#define ERR_H

#include <nixferry/err.h>
#include <stdbool.h>

#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define MUST_CHECK	  NF_MUST_CHECK

/* Sets *err and returns -code. */
int err_set(struct nf_err *err, enum nf_error code, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* From errno: the text is FMT's, followed by ": " and strerror(errno). ENOSPC and EDQUOT
 * become NF_E_NOSPACE, everything else NF_E_SYS. */
int err_sys(struct nf_err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Prefixes the text with the object, which only the caller knows: "FMT: text". Returns
 * rc. */
int err_prefix(struct nf_err *err, int rc, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* True if the machine lacks something (space, inodes, open files, memory) or cannot be
 * written to: any further attempt will fail for the same reason. */
bool err_is_shortage(const struct nf_err *err);

/* Of several failures, report the one with the highest gravity. In rising order: absent,
 * no answer, damaged, not trusted, a fault of this machine. CODE may be negated; 0 has
 * the lowest. */
int err_gravity(int code);

/* clang's analyzer does not see err.c: tell it that a failure is never 0. */
#ifdef __clang_analyzer__
#define err_set(...)		 ((void)err_set(__VA_ARGS__), -1)
#define err_sys(...)		 ((void)err_sys(__VA_ARGS__), -1)
#define err_prefix(err, rc, ...) ((void)err_prefix(err, rc, __VA_ARGS__), (rc))
#endif

#endif
