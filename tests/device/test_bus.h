/* SPDX-License-Identifier: BSD-2-Clause */
/* The instance of the library that the host's tests use, where one is enough. */
#ifndef TESTS_DEVICE_TEST_BUS_H
#define TESTS_DEVICE_TEST_BUS_H

#include "virtio/virtio.h"

extern struct virtio_bus test_bus;

#endif
