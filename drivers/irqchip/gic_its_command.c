/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands of the ITS, four words each (ARM IHI 0069, 5.3). The first has the command's number, and the
 * device's id in its upper half where the command is about a device.
 */
#include "drivers/irqchip/gic_its.h"

enum {
	CMD_INT = 0x03,
	CMD_SYNC = 0x05,
	CMD_MAPD = 0x08,
	CMD_MAPC = 0x09,
	CMD_MAPTI = 0x0a,
	CMD_INV = 0x0c,
	CMD_INVALL = 0x0d,
	CMD_DISCARD = 0x0f,
};

static struct its_command about_event(uint32_t number, uint32_t device, uint32_t event)
{
	return (struct its_command){{number | (uint64_t)device << 32, event, 0, 0}};
}

/* @itt is aligned to 256 bytes and has room for 2^@event_bits events; at least one bit. */
struct its_command its_mapd(uint32_t device, uint64_t itt, unsigned int event_bits)
{
	return (struct its_command){
		{CMD_MAPD | (uint64_t)device << 32, event_bits - 1, ITS_VALID | itt, 0}};
}

struct its_command its_unmapd(uint32_t device)
{
	return about_event(CMD_MAPD, device, 0);
}

struct its_command its_mapc(unsigned int collection, uint64_t target)
{
	return (struct its_command){{CMD_MAPC, 0, ITS_VALID | target | collection, 0}};
}

struct its_command its_mapti(uint32_t device, uint32_t event, uint32_t lpi, unsigned int collection)
{
	struct its_command command = about_event(CMD_MAPTI, device, event);

	command.word[1] |= (uint64_t)lpi << 32;
	command.word[2] = collection;
	return command;
}

struct its_command its_inv(uint32_t device, uint32_t event)
{
	return about_event(CMD_INV, device, event);
}

struct its_command its_invall(unsigned int collection)
{
	return (struct its_command){{CMD_INVALL, 0, collection, 0}};
}

struct its_command its_discard(uint32_t device, uint32_t event)
{
	return about_event(CMD_DISCARD, device, event);
}

struct its_command its_int(uint32_t device, uint32_t event)
{
	return about_event(CMD_INT, device, event);
}

struct its_command its_sync_of(uint64_t target)
{
	return (struct its_command){{CMD_SYNC, 0, target, 0}};
}
