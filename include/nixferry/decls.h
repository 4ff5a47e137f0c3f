/* Macros for the declarations in the public headers. */
#ifndef NIXFERRY_DECLS_H
#define NIXFERRY_DECLS_H

/* Enclose the declarations of each header: they have C linkage in C++, and are the only
 * symbols that the library exports. */
#ifdef __cplusplus
#define NF_BEGIN_DECLS                                                                   \
	_Pragma("GCC visibility push(default)") extern "C"                               \
	{
#define NF_END_DECLS                                                                     \
	}                                                                                \
	_Pragma("GCC visibility pop")
#else
#define NF_BEGIN_DECLS _Pragma("GCC visibility push(default)")
#define NF_END_DECLS   _Pragma("GCC visibility pop")
#endif

/* The compiler warns if the result of a call is ignored. */
#define NF_MUST_CHECK __attribute__((warn_unused_result))

#endif
