/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Little-endian (and, for network headers, big-endian) values in structures
 * that a device or a peer lays out. The __le and __be types are plain integers:
 * their names tell a reader that a conversion stands between them and a number.
 */
#ifndef LIB_BYTEORDER_H
#define LIB_BYTEORDER_H

#include <stdint.h>

typedef uint16_t __le16;
typedef uint32_t __le32;
typedef uint64_t __le64;
typedef uint16_t __be16;
typedef uint32_t __be32;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define cpu_to_le16(x) ((__le16)(x))
#define cpu_to_le32(x) ((__le32)(x))
#define cpu_to_le64(x) ((__le64)(x))
#define cpu_to_be16(x) ((__be16)__builtin_bswap16(x))
#define cpu_to_be32(x) ((__be32)__builtin_bswap32(x))
#else
#define cpu_to_le16(x) ((__le16)__builtin_bswap16(x))
#define cpu_to_le32(x) ((__le32)__builtin_bswap32(x))
#define cpu_to_le64(x) ((__le64)__builtin_bswap64(x))
#define cpu_to_be16(x) ((__be16)(x))
#define cpu_to_be32(x) ((__be32)(x))
#endif

#define le16_to_cpu(x) ((uint16_t)cpu_to_le16(x))
#define le32_to_cpu(x) ((uint32_t)cpu_to_le32(x))
#define le64_to_cpu(x) ((uint64_t)cpu_to_le64(x))
#define be16_to_cpu(x) ((uint16_t)cpu_to_be16(x))
#define be32_to_cpu(x) ((uint32_t)cpu_to_be32(x))

#endif
