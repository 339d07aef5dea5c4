/* SPDX-License-Identifier: BSD-2-Clause */
/* The queue of bottom halves of an image with one main loop. */
#include "lib/work.h"

struct work_queue system_wq = WORK_QUEUE_INIT(system_wq);
