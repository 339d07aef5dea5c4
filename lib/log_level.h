/* SPDX-License-Identifier: BSD-2-Clause */
/* How important a message is. */
#ifndef LIB_LOG_LEVEL_H
#define LIB_LOG_LEVEL_H

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

#endif
