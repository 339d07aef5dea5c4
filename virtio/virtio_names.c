/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for people: of device types, states and feature bits, as the specification spells them
 * without their prefix (VIRTIO_BLK_F_RO is "RO").
 */
#include "virtio/virtio.h"

struct bit_name {
	uint32_t device_id; /* 0: every device */
	unsigned int bit;
	const char *name;
};

static const char *const type_names[] = {
	[VIRTIO_ID_NET] = "net",	 [VIRTIO_ID_BLOCK] = "block",
	[VIRTIO_ID_CONSOLE] = "console", [VIRTIO_ID_RNG] = "entropy",
	[VIRTIO_ID_BALLOON] = "balloon", [VIRTIO_ID_SCSI] = "scsi",
	[VIRTIO_ID_9P] = "9p",		 [VIRTIO_ID_GPU] = "gpu",
	[VIRTIO_ID_INPUT] = "input",	 [VIRTIO_ID_VSOCK] = "vsock",
	[VIRTIO_ID_CRYPTO] = "crypto",	 [VIRTIO_ID_IOMMU] = "iommu",
	[VIRTIO_ID_MEM] = "mem",	 [VIRTIO_ID_SOUND] = "sound",
	[VIRTIO_ID_FS] = "fs",		 [VIRTIO_ID_PMEM] = "pmem",
};

static const struct bit_name feature_names[] = {
	{0, VIRTIO_F_NOTIFY_ON_EMPTY, "NOTIFY_ON_EMPTY"},
	{0, VIRTIO_F_ANY_LAYOUT, "ANY_LAYOUT"},
	{0, VIRTIO_F_INDIRECT_DESC, "INDIRECT_DESC"},
	{0, VIRTIO_F_EVENT_IDX, "EVENT_IDX"},
	{0, VIRTIO_F_VERSION_1, "VERSION_1"},
	{0, VIRTIO_F_ACCESS_PLATFORM, "ACCESS_PLATFORM"},
	{0, VIRTIO_F_RING_PACKED, "RING_PACKED"},
	{0, VIRTIO_F_IN_ORDER, "IN_ORDER"},
	{0, VIRTIO_F_ORDER_PLATFORM, "ORDER_PLATFORM"},
	{0, VIRTIO_F_SR_IOV, "SR_IOV"},
	{0, VIRTIO_F_NOTIFICATION_DATA, "NOTIFICATION_DATA"},
	{0, VIRTIO_F_NOTIF_CONFIG_DATA, "NOTIF_CONFIG_DATA"},
	{0, VIRTIO_F_RING_RESET, "RING_RESET"},
	{0, VIRTIO_F_ADMIN_VQ, "ADMIN_VQ"},

	{VIRTIO_ID_BLOCK, 1, "SIZE_MAX"},
	{VIRTIO_ID_BLOCK, 2, "SEG_MAX"},
	{VIRTIO_ID_BLOCK, 4, "GEOMETRY"},
	{VIRTIO_ID_BLOCK, 5, "RO"},
	{VIRTIO_ID_BLOCK, 6, "BLK_SIZE"},
	{VIRTIO_ID_BLOCK, 9, "FLUSH"},
	{VIRTIO_ID_BLOCK, 10, "TOPOLOGY"},
	{VIRTIO_ID_BLOCK, 11, "CONFIG_WCE"},
	{VIRTIO_ID_BLOCK, 12, "MQ"},
	{VIRTIO_ID_BLOCK, 13, "DISCARD"},
	{VIRTIO_ID_BLOCK, 14, "WRITE_ZEROES"},
	{VIRTIO_ID_BLOCK, 15, "LIFETIME"},
	{VIRTIO_ID_BLOCK, 16, "SECURE_ERASE"},
	{VIRTIO_ID_BLOCK, 17, "ZONED"},

	{VIRTIO_ID_NET, 0, "CSUM"},
	{VIRTIO_ID_NET, 1, "GUEST_CSUM"},
	{VIRTIO_ID_NET, 3, "MTU"},
	{VIRTIO_ID_NET, 5, "MAC"},
	{VIRTIO_ID_NET, 15, "MRG_RXBUF"},
	{VIRTIO_ID_NET, 16, "STATUS"},
	{VIRTIO_ID_NET, 17, "CTRL_VQ"},
	{VIRTIO_ID_NET, 22, "MQ"},

	{VIRTIO_ID_CONSOLE, 0, "SIZE"},
	{VIRTIO_ID_CONSOLE, 1, "MULTIPORT"},
	{VIRTIO_ID_CONSOLE, 2, "EMERG_WRITE"},

	{VIRTIO_ID_IOMMU, 0, "INPUT_RANGE"},
	{VIRTIO_ID_IOMMU, 1, "DOMAIN_RANGE"},
	{VIRTIO_ID_IOMMU, 2, "MAP_UNMAP"},
	{VIRTIO_ID_IOMMU, 3, "BYPASS"},
	{VIRTIO_ID_IOMMU, 4, "PROBE"},
	{VIRTIO_ID_IOMMU, 5, "MMIO"},
	{VIRTIO_ID_IOMMU, 6, "BYPASS_CONFIG"},
};

const char *virtio_device_type_name(uint32_t device_id)
{
	if (device_id < ARRAY_SIZE(type_names) && type_names[device_id])
		return type_names[device_id];
	return "unknown";
}

const char *virtio_feature_name(uint32_t device_id, unsigned int bit)
{
	for (size_t i = 0; i < ARRAY_SIZE(feature_names); i++) {
		const struct bit_name *f = &feature_names[i];

		if (f->bit == bit && (f->device_id == 0 || f->device_id == device_id))
			return f->name;
	}
	return NULL;
}

const char *virtio_state_name(enum virtio_state state)
{
	switch (state) {
	case VIRTIO_STATE_NO_DRIVER:
		return "no-driver";
	case VIRTIO_STATE_LIVE:
		return "live";
	case VIRTIO_STATE_RECOVERING:
		return "recovering";
	case VIRTIO_STATE_FAILED:
		return "failed";
	}
	return "?";
}
