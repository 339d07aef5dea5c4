/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of controllers of message-signalled interrupts. See lib/msi.h. */
#include "lib/msi.h"

static struct list_head controllers = LIST_HEAD_INIT(controllers);
static void (*source)(void);

void msi_set_source(void (*new_source)(void))
{
	source = new_source;
}

void msi_register(struct msi_controller *msi)
{
	list_add_tail(&msi->node, &controllers);
}

struct msi_controller *msi_find(int dt_node)
{
	struct msi_controller *msi;

	msi_for_each (msi) {
		if (msi->dt_node == dt_node)
			return msi;
	}
	return NULL;
}

struct list_head *msi_controllers(void)
{
	void (*find_them)(void) = source;

	source = NULL;
	if (find_them)
		find_them();
	return &controllers;
}
