/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PE/COFF header of an EFI application, for a flat image: objcopy to binary puts it at the start.
 * One section holds everything after the header; nothing has to be relocated (efi.ld checks it).
 */
#ifdef __aarch64__
#define MACHINE     0xaa64
#define MAGIC       0x20b /* PE32+ */
#define MACHINE_BIT 0
#define WORD        .quad
#else
#define MACHINE     0x01c2 /* Arm and Thumb */
#define MAGIC       0x10b /* PE32 */
#define MACHINE_BIT 0x0100 /* a machine of 32 bits */
#define WORD        .long
#endif
#define CHARACTERISTICS (0x0002 | 0x0004 | 0x0008 | MACHINE_BIT) /* executable, no lines, no symbols */
#define EFI_APPLICATION 10
#define ALIGNMENT       0x1000
#define DIRECTORIES     6
#define READ_WRITE_CODE 0xe0000020

	.section .header, "a"
	.globl efi_image
efi_image:
	.ascii "MZ"
	.zero 0x3c - 2
	.long coff - efi_image - 4

	.ascii "PE\0\0"
coff:
	.short MACHINE
	.short 1 /* sections */
	.long 0, 0, 0
	.short sections - optional
	.short CHARACTERISTICS

optional:
	.short MAGIC
	.byte 0, 0
	.long efi_section_size /* of code */
	.long 0, 0
	.long efi_entry_offset
	.long ALIGNMENT /* base of code */
#ifndef __aarch64__
	.long 0 /* base of data */
#endif
	WORD 0 /* image base */
	.long ALIGNMENT, ALIGNMENT
	.short 0, 0, 0, 0, 0, 0
	.long 0
	.long efi_image_size
	.long ALIGNMENT /* of headers */
	.long 0
	.short EFI_APPLICATION
	.short 0
	WORD 0, 0, 0, 0
	.long 0
	.long DIRECTORIES
	.zero 8 * DIRECTORIES

sections:
	.ascii ".text\0\0\0"
	.long efi_section_size
	.long ALIGNMENT /* address */
	.long efi_section_size
	.long ALIGNMENT /* offset in the file */
	.long 0, 0
	.short 0, 0
	.long READ_WRITE_CODE

	.section .note.GNU-stack, "", %progbits
