/*
 * sanitized.h - which sanitizer watches this build, the same for gcc and clang.
 *
 * ADDRESS_SANITIZED, THREAD_SANITIZED and SANITIZED (either) are 0 or 1.  Tests
 * do less of what costs many times as much there and finds nothing more: a race
 * is found by threads, not by more data, and a time is no figure there.
 */
#ifndef SLUICE_TESTS_SANITIZED_H
#define SLUICE_TESTS_SANITIZED_H

#ifdef __has_feature
#define SANITIZED_FEATURE(name) __has_feature(name)
#else
#define SANITIZED_FEATURE(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || SANITIZED_FEATURE(address_sanitizer)
#define ADDRESS_SANITIZED 1
#else
#define ADDRESS_SANITIZED 0
#endif

#if defined(__SANITIZE_THREAD__) || SANITIZED_FEATURE(thread_sanitizer)
#define THREAD_SANITIZED 1
#else
#define THREAD_SANITIZED 0
#endif

#define SANITIZED (ADDRESS_SANITIZED || THREAD_SANITIZED)

#endif
