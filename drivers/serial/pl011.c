/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PL011 (ARM DDI 0183): a queue of bytes each way in the hardware, and a larger ring each way
 * here. The interrupt handler moves bytes between the two; so does each read() and write(), so
 * that the terminal also works before interrupts are on, and while they are masked. When the
 * receive ring is full we leave input in the hardware, which holds the sender up where it can;
 * what the hardware then loses is counted. The rings are shared with the handler: IRQs are masked
 * while they change.
 */
#include <errno.h>
#include <string.h>
#include <arch/barrier.h>
#include <arch/cpu.h>
#include <arch/mmio.h>
#include "drivers/serial/pl011.h"
#include "lib/devicetree.h"
#include "lib/irq.h"
#include "lib/log.h"
#include "lib/machine.h"
#include "lib/timer.h"

#define UART_DR	   0x000u
#define UART_FR	   0x018u
#define UART_LCR_H 0x02cu
#define UART_CR	   0x030u
#define UART_IFLS  0x034u
#define UART_IMSC  0x038u
#define UART_MIS   0x040u
#define UART_ICR   0x044u

#define DR_OVERRUN  0x800u
#define FR_BUSY	    0x08u
#define FR_RX_EMPTY 0x10u
#define FR_TX_FULL  0x20u
#define LCR_H_8N1   0x60u
#define LCR_H_FIFO  0x10u
#define CR_ENABLE   0x301u /* UART, transmitter, receiver */
#define IFLS_LEVELS 0x10u  /* receive: half full; transmit: an eighth left */
#define INT_RX	    0x50u  /* level reached, or data waits and the line is quiet */
#define INT_TX	    0x20u
#define INT_ALL	    0x7ffu

#define UART_SIZE  0x1000u
#define RING_SIZE  4096u
#define FIFO_MAX   256u	    /* bytes received per interrupt; the hardware has 16 or 32 */
#define BUSY_POLLS 1000000u /* for one byte to leave: a second even if a poll takes 1 us */
#define DRAIN_NS   (2 * NSEC_PER_SEC)

/* Positions count on for ever; their difference is the fill level. */
struct ring {
	uint8_t data[RING_SIZE];
	uint32_t head, tail; /* next to write, next to read */
};

static struct {
	char *base;
	int node;
	bool irq_requested;
	uint32_t int_mask; /* what IMSC holds */
	struct ring rx, tx;
	void (*input_fn)(void *arg);
	void *input_arg;
	struct pl011_stats stats;
} uart;

static uint32_t uart_read(unsigned int reg)
{
	return mmio_read32(uart.base + reg);
}

static void uart_write(unsigned int reg, uint32_t value)
{
	mmio_write32(uart.base + reg, value);
}

static uint32_t ring_used(const struct ring *ring)
{
	return ring->head - ring->tail;
}

static void ring_put(struct ring *ring, uint8_t byte)
{
	ring->data[ring->head++ % RING_SIZE] = byte;
}

static uint8_t ring_get(struct ring *ring)
{
	return ring->data[ring->tail++ % RING_SIZE];
}

/* Allows the interrupts that now have a purpose: transmit while the ring holds output, receive
 * while it has room for input. */
static void update_int_mask(void)
{
	uint32_t mask = 0;

	if (!uart.irq_requested)
		return;
	if (ring_used(&uart.tx) > 0)
		mask |= INT_TX;
	if (ring_used(&uart.rx) < RING_SIZE)
		mask |= INT_RX;
	if (mask != uart.int_mask) {
		uart.int_mask = mask;
		uart_write(UART_IMSC, mask);
	}
}

/* Ring to hardware, until the one is empty or the other full. IRQs are masked. */
static void pump_tx(void)
{
	while (ring_used(&uart.tx) > 0 && !(uart_read(UART_FR) & FR_TX_FULL)) {
		uart_write(UART_DR, ring_get(&uart.tx));
		uart.stats.tx_bytes++;
	}
}

/* Hardware to ring. Returns whether anything came. IRQs are masked. */
static bool pump_rx(void)
{
	unsigned int n;

	for (n = 0; n < FIFO_MAX && ring_used(&uart.rx) < RING_SIZE; n++) {
		uint32_t data;

		if (uart_read(UART_FR) & FR_RX_EMPTY)
			break;
		data = uart_read(UART_DR);
		if (data & DR_OVERRUN)
			uart.stats.rx_dropped++;
		ring_put(&uart.rx, (uint8_t)data);
	}
	uart.stats.rx_bytes += n;
	return n > 0;
}

static irqreturn_t pl011_interrupt(int irq, void *dev_id)
{
	uint32_t pending = uart_read(UART_MIS);

	(void)irq;
	(void)dev_id;
	if (!pending)
		return IRQ_NONE;
	/* Before the queues are served, so that what comes meanwhile raises it again. */
	uart_write(UART_ICR, pending);
	pump_tx();
	if (pump_rx() && uart.input_fn)
		uart.input_fn(uart.input_arg);
	update_int_mask();
	return IRQ_HANDLED;
}

static int pl011_write(struct tty *tty, const char *buf, size_t len)
{
	unsigned long flags = irq_save();
	size_t n = MIN(len, RING_SIZE - ring_used(&uart.tx));

	(void)tty;
	for (size_t i = 0; i < n; i++)
		ring_put(&uart.tx, (uint8_t)buf[i]);
	pump_tx();
	update_int_mask();
	irq_restore(flags);
	return (int)n;
}

static int pl011_read(struct tty *tty, char *buf, size_t len)
{
	unsigned long flags = irq_save();
	size_t n = 0;

	(void)tty;
	if (ring_used(&uart.rx) == 0)
		pump_rx();
	for (; n < len && ring_used(&uart.rx) > 0; n++)
		buf[n] = (char)ring_get(&uart.rx);
	/* What stayed in the hardware while the ring was full raises no new interrupt. */
	if (!(uart.int_mask & INT_RX))
		pump_rx();
	update_int_mask();
	irq_restore(flags);
	return (int)n;
}

/* Returns whether there was room for @byte in time. */
static bool put_polled(uint8_t byte)
{
	for (unsigned int i = 0; i < BUSY_POLLS && (uart_read(UART_FR) & FR_TX_FULL); i++)
		barrier();
	if (uart_read(UART_FR) & FR_TX_FULL)
		return false;
	uart_write(UART_DR, byte);
	return true;
}

/* What was queued before the panic comes first: it may tell the cause. A line that is stuck costs
 * a message one wait, not one for each byte. */
static void pl011_write_panic(struct tty *tty, const char *buf, size_t len)
{
	unsigned long flags = irq_save();
	bool moving = true;

	(void)tty;
	while (moving && ring_used(&uart.tx) > 0)
		moving = put_polled(ring_get(&uart.tx));
	for (size_t i = 0; moving && i < len; i++)
		moving = put_polled((uint8_t)buf[i]);
	irq_restore(flags);
}

static void pl011_drain(struct tty *tty)
{
	uint64_t deadline = deadline_after(DRAIN_NS);
	unsigned int polls = 0;

	do {
		pl011_write(tty, "", 0);
		if (ring_used(&uart.tx) == 0 && !(uart_read(UART_FR) & FR_BUSY))
			return;
	} while (!deadline_passed(deadline) && (clock_ns() != 0 || ++polls < BUSY_POLLS));
}

static void pl011_set_input_callback(struct tty *tty, void (*fn)(void *arg), void *arg)
{
	unsigned long flags = irq_save();

	(void)tty;
	uart.input_fn = fn;
	uart.input_arg = arg;
	irq_restore(flags);
}

static struct tty pl011 = {
	.name = "ttyAMA0",
	.write = pl011_write,
	.read = pl011_read,
	.write_panic = pl011_write_panic,
	.drain = pl011_drain,
	.set_input_callback = pl011_set_input_callback,
};

static bool is_pl011(int candidate)
{
	int node;

	dt_for_each_compatible (node, "arm,pl011") {
		if (node == candidate)
			return true;
	}
	return false;
}

/* stdout-path: a path or an alias, and after a ':' options for the line. */
static int find_node(void)
{
	int chosen = dt_find_path("/chosen");
	const char *path = chosen >= 0 ? dt_string(chosen, "stdout-path") : NULL;
	char name[64];
	size_t len;
	int node;

	if (path) {
		len = strcspn(path, ":");
		if (len < sizeof(name)) {
			memcpy(name, path, len);
			name[len] = '\0';
			node = dt_find_path(name);
			if (node >= 0 && is_pl011(node))
				return node;
		}
	}
	return dt_find_compatible(-1, "arm,pl011");
}

/*
 * Turning the hardware's queue on or off empties it. Where input waits already (a script piped into
 * an emulator), more of it follows at once and would be lost, so the queue stays as it is: one byte
 * deep at worst, which costs an interrupt a byte.
 */
static void init_hardware(void)
{
	uint32_t fifo;

	uart_write(UART_IMSC, 0);
	for (unsigned int i = 0; i < BUSY_POLLS && (uart_read(UART_FR) & FR_BUSY); i++)
		barrier();
	uart_write(UART_CR, 0);
	uart_write(UART_IFLS, IFLS_LEVELS);
	uart_write(UART_ICR, INT_ALL);
	fifo = pump_rx() ? uart_read(UART_LCR_H) & LCR_H_FIFO : LCR_H_FIFO;
	uart_write(UART_LCR_H, LCR_H_8N1 | fifo);
	uart_write(UART_CR, CR_ENABLE);
}

int pl011_init(void)
{
	uint64_t phys;

	uart.node = find_node();
	if (uart.node < 0)
		return -ENODEV;
	if (dt_reg(uart.node, 0, &phys, NULL))
		return -EINVAL;
	uart.base = ioremap(phys, UART_SIZE);
	if (!uart.base)
		return -ENOMEM;
	init_hardware();
	tty_set_system(&pl011);
	return 0;
}

int pl011_request_irq(void)
{
	struct dt_irq irq;
	unsigned long flags;
	int err;

	if (!uart.base)
		return -ENODEV;
	if (dt_interrupt(uart.node, 0, &irq))
		return -EINVAL;
	err = request_irq(irq.irq, pl011_interrupt, irq.trigger, "pl011", &uart);
	if (err)
		return err;
	flags = irq_save();
	uart.irq_requested = true;
	/* Input may have filled the queue to the level already, and would not reach it again. */
	pump_rx();
	update_int_mask();
	irq_restore(flags);
	return 0;
}

struct tty *pl011_tty(void)
{
	return uart.base ? &pl011 : NULL;
}

void pl011_get_stats(struct pl011_stats *stats)
{
	unsigned long flags = irq_save();

	*stats = uart.stats;
	irq_restore(flags);
}
