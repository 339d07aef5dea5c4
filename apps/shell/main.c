/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shell image: a shell on the serial line and one on every virtio console. First come the boot
 * commands, which print on the first of these alone; then all terminals get a prompt, and one loop
 * serves them. Input wakes the loop through one event, which remembers a signal that comes
 * before the wait: no key is lost between looking and sleeping.
 */
#include <stdlib.h>
#include "apps/shell/commands.h"
#include "apps/shell/shell.h"
#include "drivers/virtio/virtio_console.h"
#include "lib/bootargs.h"
#include "lib/machine.h"
#include "lib/reclaim.h"

#ifdef __aarch64__
#define ARCH_NAME "aarch64"
#else
#define ARCH_NAME "arm"
#endif

#define SHELLS_MAX	 33u /* the serial line, and virt's 32 slots */
#define SERIAL_STALL_NS	 (2 * NSEC_PER_SEC)
#define CONSOLE_STALL_NS (100 * NSEC_PER_MSEC)
/* A terminal without interrupts is looked at this often. */
#define IDLE_NS (100 * NSEC_PER_MSEC)

/* The first is on the serial line, where there is one; the others on consoles, which come and go. */
static struct {
	struct shell *sh;
	struct virtio_console *con; /* or NULL */
	unsigned int number;	    /* of the console */
} shells[SHELLS_MAX];
static unsigned int shell_count;
static struct port_event input_event;

/* Interrupt context. */
static void input_has_come(void *arg)
{
	port_event_signal(arg);
}

static bool add_shell(struct tty *tty, uint64_t stall_limit_ns)
{
	struct shell *sh = shell_count < SHELLS_MAX ? malloc(sizeof(*sh)) : NULL;

	if (!sh)
		return false;
	shell_init(sh, tty, stall_limit_ns);
	if (tty->set_input_callback)
		tty->set_input_callback(tty, input_has_come, &input_event);
	shells[shell_count].con = NULL;
	shells[shell_count++].sh = sh;
	return true;
}

static bool has_shell(const struct virtio_console *con)
{
	for (unsigned int i = 0; i < shell_count; i++)
		if (shells[i].con == con)
			return true;
	return false;
}

/* A shell on every console that has none. Returns how many are new. */
static unsigned int add_consoles(void)
{
	const struct virtio_device *vdev;
	unsigned int before = shell_count;

	virtio_for_each_device (vdev, app_bus) {
		struct virtio_console *con = NULL;

		if (vdev->id.device == VIRTIO_ID_CONSOLE)
			con = virtio_console_find(app_bus, vdev->number);
		if (!con || has_shell(con) || !add_shell(virtio_console_tty(con), CONSOLE_STALL_NS))
			continue;
		shells[shell_count - 1].con = con;
		shells[shell_count - 1].number = vdev->number;
	}
	return shell_count - before;
}

/* The console's memory is held until here, so no other can lie where it was. */
static void drop_shells(void)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < shell_count; i++) {
		if (!shells[i].con ||
		    virtio_console_find(app_bus, shells[i].number) == shells[i].con)
			shells[kept++] = shells[i];
		else
			free(shells[i].sh);
	}
	shell_count = kept;
}

/* Consoles that have come and gone since the last time. */
static void follow_consoles(void)
{
	unsigned int count;

	drop_shells();
	for (count = add_consoles(); count > 0; count--)
		shell_start(shells[shell_count - count].sh);
}

static void print_banner(struct shell *sh)
{
	unsigned int devices = 0;
	struct virtio_device *vdev;

	virtio_for_each_device (vdev, app_bus)
		devices++;
	sh_printf(sh, "Vireo %s, %u device%s\n", ARCH_NAME, devices, devices == 1 ? "" : "s");
}

static void report_unknown(const char *name, const char *value)
{
	(void)sh_error_as(shells[0].sh, 0, "boot option", "%s=%s is unknown", name, value);
}

/* A command that fails has said so; the rest still runs. */
static void run_boot_commands(struct shell *sh)
{
	const char *text;

	for (unsigned int i = 0; (text = bootargs_command(i)) != NULL; i++)
		(void)shell_run(sh, text);
}

static _Noreturn void serve_shells(void)
{
	for (;;) {
		bool any = false;

		for (unsigned int i = 0; i < shell_count; i++)
			any |= shell_poll(shells[i].sh);
		if (!any)
			(void)port_event_wait(&input_event, IDLE_NS);
		follow_consoles();
		/* Nobody has a pointer to what is gone any more. */
		reclaim_release();
		reclaim_hold();
	}
}

int main(struct virtio_bus *bus)
{
	struct tty *serial = tty_system();

	app_bus = bus;
	port_event_init(&input_event);
	reclaim_hold();
	if (serial)
		(void)add_shell(serial, SERIAL_STALL_NS);
	(void)add_consoles();
	if (shell_count == 0)
		panic("no terminal for the shell");
	print_banner(shells[0].sh);
	net_read_options(shells[0].sh);
	bootargs_unknown(report_unknown);
	machine_set_mark(MACHINE_MARK_PROMPT);
	run_boot_commands(shells[0].sh);
	for (unsigned int i = 0; i < shell_count; i++)
		shell_start(shells[i].sh);
	serve_shells();
}
