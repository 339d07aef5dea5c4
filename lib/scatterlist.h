/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scatterlists: arrays of (pointer, length) that name the pieces of a buffer. The last entry
 * carries an end mark, so that a list can be walked without its length. An array is the
 * caller's; nothing here allocates.
 */
#ifndef LIB_SCATTERLIST_H
#define LIB_SCATTERLIST_H

#include "lib/util.h"
#include "lib/dma_types.h"

struct scatterlist {
	void *addr;		/* CPU address of the first byte */
	uint32_t length;	/* bytes, above 0 */
	bool last;		/* the end mark */
	dma_addr_t dma_address; /* set by dma_map_sg(), or by the caller for premapped buffers */
};

/* Clears @nents entries (at least 1) and marks the last of them. */
void sg_init_table(struct scatterlist *sgl, unsigned int nents);

/* Points the entry @sg at @len bytes (above 0) at @buf; its end mark stays as it is. An entry at NULL is
 * empty, which no queue takes. */
static inline void sg_set_buf(struct scatterlist *sg, void *buf, uint32_t len)
{
	sg->addr = buf;
	sg->length = buf ? len : 0;
}

/* Makes @sg a list of that one entry. */
static inline void sg_init_one(struct scatterlist *sg, void *buf, uint32_t len)
{
	sg_set_buf(sg, buf, len);
	sg->last = true;
	sg->dma_address = 0;
}

/* Moves the end mark to @sg, so that a prefix of a larger table can be used. */
void sg_mark_end(struct scatterlist *sg);

/* The entry after @sg, or NULL where @sg is the last. */
static inline struct scatterlist *sg_next(struct scatterlist *sg)
{
	return sg->last ? NULL : sg + 1;
}

/* The number of entries up to and with the end mark; 0 for NULL. */
unsigned int sg_nents(struct scatterlist *sgl);

#define for_each_sg(sgl, sg) for (sg = (sgl); sg; sg = sg_next(sg))

#endif
