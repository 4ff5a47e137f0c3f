/* Sanitizers look for leaks at the end, from a process of their own that traces ours. */
#ifndef SANDBOX_CHECKERS_H
#define SANDBOX_CHECKERS_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_HAS_CHECKER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANDBOX_HAS_CHECKER 1
#endif
#endif
#ifndef SANDBOX_HAS_CHECKER
#define SANDBOX_HAS_CHECKER 0
#endif

#endif
