/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libfdt and zlib come as Debian builds them, with the stack protector: before a function returns
 * it compares a word on its stack with __stack_chk_guard. The value has a zero byte, which
 * string functions stop at, and a line feed, which line readers stop at.
 */
#include "lib/machine.h"

extern const uintptr_t __stack_chk_guard;
_Noreturn void __stack_chk_fail(void);

const uintptr_t __stack_chk_guard = (uintptr_t)0x3c96a55a9d0aff00ull;

void __stack_chk_fail(void)
{
	panic("stack smashed, seen by the caller of %p", __builtin_return_address(0));
}
