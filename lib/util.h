/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The handful of macros that every file needs: bits, sizes, alignment, and the
 * step from a member to the structure that contains it.
 */
#ifndef LIB_UTIL_H
#define LIB_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT(n)	   (1u << (n))
#define BIT_ULL(n) (1ull << (n))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* @a must be a power of two; the result has the type of @x. */
#define ALIGN_UP(x, a)	 (((x) + ((__typeof__(x))(a)-1)) & ~((__typeof__(x))(a)-1))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a)-1))

#define DIV_ROUND_UP(n, d) (((n) + (d)-1) / (d))

/* They may evaluate an argument twice: no calls that do more than look. */
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* One access of the exact width to memory that a device, a handler or another thread also touches. */
#ifndef __SANITIZE_THREAD__
#define READ_ONCE(x)	 (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#else /* which takes a volatile access for any other */
#define READ_ONCE(x)	 __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), v, __ATOMIC_RELAXED)
#endif

/* A function that reads what another thread may be changing, and whose caller can live with either answer. */
#define __racy __attribute__((no_sanitize("thread")))

/* A count for people, that nobody has a lock for: of two at once one may be lost. */
#define COUNT_UP(x, n) WRITE_ONCE(x, READ_ONCE(x) + (n))

/* After this the compiler can neither read the integer variable @x again from where it came, nor knows
 * anything of it. Where a value is widened on reading this is cheaper than READ_ONCE(). */
#define READ_ONCE_INTO(x) __asm__ volatile("" : "+r"(x))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define __printf(fmt, args) __attribute__((format(printf, fmt, args)))
#ifndef __noinline /* the C libraries define it alike */
#define __noinline __attribute__((__noinline__))
#endif
#ifndef __always_inline /* for short ways whose constants must fold */
#define __always_inline inline __attribute__((always_inline))
#endif
#define __must_check __attribute__((warn_unused_result))
#ifndef __packed /* the C libraries define it alike */
#define __packed __attribute__((__packed__))
#endif

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096u

#define NSEC_PER_USEC 1000ull
#define NSEC_PER_MSEC 1000000ull
#define NSEC_PER_SEC  1000000000ull

#endif
