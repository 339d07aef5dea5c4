/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two GICv3 ITSs and one redistributor, as far as LPIs go (ARM IHI 0069, 5 and 12), strict: whatever software may
 * not rely on is a violation. It looks at memory only as it was when it was last taken out of the caches,
 * unless it shares them, and at no configuration that it was not told of. Its translations it keeps
 * to itself; of the memory that it was given for them it checks that it is there, and stays there.
 */
#ifndef TESTS_DEVICE_ITS_MODEL_H
#define TESTS_DEVICE_ITS_MODEL_H

#include "lib/util.h"

#define ITS_MODEL_LPIS	  512
#define ITS_MODEL_DEVICES 256
#define ITS_MODEL_EVENTS  512

struct its_model_options {
	bool coherent;		 /* it takes part in the caches' protocol */
	bool two_levels;	 /* of the table of devices */
	unsigned int page_sizes; /* a bit for each: 4, 16, 64 KiB */
	unsigned int device_bits, event_bits, itt_entry;
	bool by_address;	/* redistributors are named so (GITS_TYPER.PTA) */
	unsigned int id_bits;	/* of INTIDs */
	unsigned int num_lpis;	/* GICD_TYPER.num_LPIs */
	bool no_lpis, no_plpis; /* neither GIC, or not this redistributor, has any */
	bool lpis_stuck;	/* were on, and stay on */
	bool never_quiet;	/* GITS_CTLR.Quiescent never comes */
	unsigned int version;	/* in GITS_PIDR2 */
	bool not_physical;
	bool no_devices;	/* has no table of devices */
	uint64_t refused;	/* bits that no GITS_BASER keeps */
	uint64_t refused_queue; /* ... and not GITS_CBASER */
	uint64_t refused_properties, refused_pending;
};

/* What tests look at. */
struct its_model {
	struct its_model_options options;
	unsigned int commands; /* carried out */
	unsigned int unsynced; /* of these, since the last SYNC */
	unsigned int accesses; /* to registers */
	unsigned int invalls, retries;
	/* Stops before command number @stop_at (counted as above; UINT32_MAX: never): it stalls, until it is told to try
	 * again, or says nothing. */
	unsigned int stop_at;
	bool stop_silently;
	unsigned int delivered[ITS_MODEL_LPIS];
};
extern struct its_model its_model;

/* A device with nothing set up, no memory, and the options of a good one: change them before use. */
void its_model_reset(void);

/* The frames: the distributor (64 KiB), the redistributor (64 KiB), two ITSs (128 KiB each), in this order. */
char *its_model_frames(void);
#define ITS_MODEL_DIST	   0x00000u
#define ITS_MODEL_REDIST   0x10000u
#define ITS_MODEL_ITS	   0x20000u
#define ITS_MODEL_ITS_SIZE 0x20000u
#define ITS_MODEL_ITSS	   2u
#define ITS_MODEL_ALL	   (ITS_MODEL_ITS + ITS_MODEL_ITSS * ITS_MODEL_ITS_SIZE)

/* That functions without a register are about ITS @n, from now until a register is touched. */
void its_model_use(unsigned int n);

/* LPIs are on already, with tables that are somebody else's. */
void its_model_firmware_enabled_lpis(void);

uint32_t its_model_read32(uint32_t offset);
uint64_t its_model_read64(uint32_t offset);
void its_model_write32(uint32_t offset, uint32_t value);
void its_model_write64(uint32_t offset, uint64_t value);

/* Goes on after a stop; where it has stalled it does not, until it is told to try again. */
void its_model_continue(void);

/* A device's message. */
void its_model_message(uint32_t device, uint32_t event);

/* Events that are mapped. */
unsigned int its_model_mapped(void);

/* Memory, as the driver allocates it. The @nth allocation from now fails; 0: none. */
void *its_model_alloc(size_t size, size_t alignment);
void its_model_free(void *memory);
void its_model_fail_alloc(unsigned int nth);
bool its_model_alloc_failed(void);
unsigned int its_model_live(void);
size_t its_model_bytes(void);
void its_model_clean(const void *start, size_t size);

#endif
