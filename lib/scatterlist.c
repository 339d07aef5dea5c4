/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scatterlists are arrays with an end mark in their last entry. The walk itself (sg_next) is
 * inline in the header, since every request takes it; what is here sets a list up.
 */
#include <string.h>
#include "lib/scatterlist.h"

void sg_init_table(struct scatterlist *sgl, unsigned int nents)
{
	memset(sgl, 0, nents * sizeof(*sgl));
	sgl[nents - 1].last = true;
}

void sg_mark_end(struct scatterlist *sg)
{
	sg->last = true;
}

unsigned int sg_nents(struct scatterlist *sgl)
{
	unsigned int nents = 0;
	struct scatterlist *sg;

	for_each_sg (sgl, sg)
		nents++;
	return nents;
}
