/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all fuzz targets share. libFuzzer invents a string of bytes; a target takes from it, one after
 * the other, what the driver side is to do and what the device answers. The machine is that of the
 * unit tests (tests/unit/port_host.h): its clock moves only in waits, so that a wait without a bound
 * shows as one. ASan and UBSan watch the shipped sources; what they cannot see is checked here.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "lib/dma.h"
#include "tests/device/dma_test.h"
#include "tests/unit/port_host.h"

/* libFuzzer's entries. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* --- the input ------------------------------------------------------------------------------ */

/* Whether there is more; after the end all values are 0. */
bool fuzz_more(void);
uint8_t fuzz_u8(void);
uint16_t fuzz_u16(void);
uint32_t fuzz_u32(void);
uint64_t fuzz_u64(void);
void fuzz_bytes(void *buf, size_t len);

/* --- a run ---------------------------------------------------------------------------------- */

/* The machine as at boot, with this input. */
void fuzz_begin(const uint8_t *data, size_t size);

/* Nothing may have leaked, no rule of the port or of DMA been broken. @lost: a device did not answer
 * its reset, so that memory which it may still write to was given up on purpose. */
void fuzz_end(bool lost);

void fuzz_fail(const char *file, int line, const char *what) __attribute__((noreturn));

/* What must hold whatever the device does. */
#define fuzz_check(condition)                                      \
	do {                                                       \
		if (!(condition))                                  \
			fuzz_fail(__FILE__, __LINE__, #condition); \
	} while (0)

/* Called from time to time while the driver waits. */
void fuzz_on_wait(void (*step)(void));

/* --- memory that the device sees -------------------------------------------------------------- */

/* tests/device/dma_test.h, with a list of all that is mapped or allocated. */
extern const struct dma_map_ops fuzz_dma_ops;

/* Adds memory that is shared without the DMA API's knowledge. */
void fuzz_share(uint64_t addr, void *memory, size_t len);

/* @len bytes at device address @addr, or NULL where the device has no such memory; @write: where
 * it may write. */
void *fuzz_memory(uint64_t addr, size_t len, bool write);

/* The device writes a few bytes of the input somewhere into memory that it may write to. */
void fuzz_scribble(void);

#endif
