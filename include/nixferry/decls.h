/* How the public headers declare things. */
#ifndef NIXFERRY_DECLS_H
#define NIXFERRY_DECLS_H

/* Around the declarations of each header: C names in C++ too, and the only symbols that
 * the library exports. */
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

/* The compiler warns of a call whose result is ignored. */
#define NF_MUST_CHECK __attribute__((warn_unused_result))

#endif
