# SPDX-License-Identifier: BSD-2-Clause
#
# Vireo's build, one file. `make help` lists the targets.
#
# Sources are found by folder, so that a new file needs no line here. Every object depends
# (order-only) on `deps`, which installs what is missing with apt and costs some milliseconds when
# nothing is. All results lie in build/.

ARCH     ?= arm
ARCHS    := arm aarch64
B        := build
PYTHON   ?= /usr/bin/python3
QEMU     ?= qemu-system-aarch64
JOBS     ?= $(shell nproc)

# Those of the library: `host` is this machine.
LIB_ARCHS := $(ARCHS) host

ifeq ($(filter $(ARCH),$(LIB_ARCHS)),)
$(error ARCH is one of: $(ARCHS); host for make lib and make install)
endif

# All processors, unless make was given a -j of its own, which then wins.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(JOBS)
endif
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:
export LC_ALL := C.UTF-8
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: image
image: $(B)/$(ARCH)/vireo.elf $(B)/$(ARCH)/vireo.bin ## build the shell image of ARCH (arm, aarch64); the default

# vireo: the shell. bench: its bench commands alone.
PROGRAMS := vireo bench
.PHONY: all
all: $(foreach a,$(ARCHS),$(foreach p,$(PROGRAMS),$(B)/$(a)/$(p).elf $(B)/$(a)/$(p).bin)) ## build the images of both architectures: the shell (vireo), and bench

.PHONY: help
help: ## list the targets
	@echo 'Targets (make TARGET [ARCH=arm|aarch64] ...):'
	@sed -n 's/^\([a-z_-]*[a-z.]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | \
		while IFS="$$(printf '\t')" read -r t what; do printf '  %-22s %s\n' "$$t" "$$what"; done
	@echo 'Variables: ARCH, QEMU, QEMU_ARGS (added to run and debug), GDB_ARGS, JOBS, PYTEST_ARGS,'
	@echo '           BENCH_ARGS, WORKERS (QEMU tests at a time), DEPS=no (do not look for packages)'

# --- packages ------------------------------------------------------------------------------

# ipxe-qemu: virt's default network card has its boot ROM in it, without which QEMU does not start.
DEBIAN_PACKAGES := git make gcc libc6-dev binutils \
	gcc-arm-none-eabi libnewlib-arm-none-eabi gcc-aarch64-linux-gnu picolibc-aarch64-linux-gnu \
	qemu-system-arm ipxe-qemu qemu-utils gdb-multiarch device-tree-compiler \
	libcmocka-dev libfdt-dev zlib1g-dev \
	python3 python3-pytest python3-pexpect python3-pytest-xdist \
	gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user \
	clang-format clang-tidy cppcheck valgrind spin clang libclang-rt-14-dev gcovr \
	cmake pkg-config gcc-riscv64-unknown-elf

.PHONY: deps
deps: ## install the Debian packages that are missing (or say which)
ifneq ($(DEPS),no)
	@.ci/deps.sh $(DEBIAN_PACKAGES)
endif

# libfdt and zlib for the target, from Debian's packages of its architecture. They survive
# `make clean`.
debian_arch_arm     := armhf
debian_arch_aarch64 := arm64
third_party          = $(B)/third_party/$(1)

$(B)/third_party/%/stamp: .ci/third_party.sh .ci/debian_download.sh | deps
	@echo "  FETCH   libfdt and zlib for $*"
	@.ci/third_party.sh $(debian_arch_$*) $(@D)
	@touch $@

# --- sources -------------------------------------------------------------------------------

# Everything for a program on architecture $(1), and what each has of its own. The bench image is offered
# the whole shell but its list of commands; the linker takes what it uses.
image_sources  = $(sort $(filter-out $(LIBRARY_ONLY),$(wildcard boot/*.c boot/$(1)/*.[cS] lib/*.c \
	lib/arch/$(1)/*.[cS] drivers/*/*.c virtio/*.c ports/bare/*.c)))
# What an embedder without a port of his own gets; the images and the unit tests have theirs.
LIBRARY_ONLY  := $(wildcard virtio/port_*.c)
SOURCES_vireo := $(wildcard apps/shell/*.c apps/bench/bench*.c)
SOURCES_bench := $(wildcard apps/bench/*.c) \
	$(filter-out apps/shell/main.c apps/shell/tables.c,$(wildcard apps/shell/*.c))
# The objects of program $(2).
image_objects  = $(patsubst %,$(B)/$(1)/obj/%.o,$(basename $(call image_sources,$(1)) $(SOURCES_$(2))))

# The same sources for unit tests on the host, without what needs the bare machine.
BARE_ONLY    := $(wildcard lib/snprintf.c lib/arch/*/*.c)
HOST_SHIPPED := $(sort $(filter-out $(BARE_ONLY) $(LIBRARY_ONLY),$(wildcard lib/*.c virtio/*.c drivers/virtio/*.c \
	drivers/pci/*.c drivers/iommu/*.c drivers/irqchip/gic_[ilmc]*.c drivers/irqchip/gic_v2m.c \
	$(patsubst %,apps/shell/%.c,parse lineedit inet netclient hexdump))))
HOST_SUPPORT := $(wildcard tests/unit/port_host.c tests/unit/vq_model.c tests/unit/recovery_rig.c tests/unit/fake_vhost_user.c \
	tests/device/*.c)
UNIT_TESTS   := $(patsubst tests/unit/%.c,$(B)/host/%,$(wildcard tests/unit/test_*.c))

C_FILES := $(wildcard $(foreach d,boot lib drivers virtio ports apps tests,\
	$(foreach e,c h,$(d)/*.$(e) $(d)/*/*.$(e) $(d)/*/*/*.$(e) $(d)/*/*/*/*.$(e))))

# --- flags ---------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Wshadow -Wundef -Wvla \
	-Wwrite-strings -Wpointer-arith

# -ffile-prefix-map: the same result wherever the clone lies. -fstack-usage: for check-stack.
COMMON_FLAGS := -std=gnu11 -g -ffreestanding -ffunction-sections -fdata-sections \
	-fstack-usage -ffile-prefix-map=$(CURDIR)=. $(WARNINGS) -I. \
	-DVIRTIO_PORT_INLINE='"ports/bare/port_inline.h"'

# An image is to be small, but for what its devices and its boot are measured by (make bench-count).
FAST    := $(patsubst %,boot/%.c,mmu arm/cpu aarch64/cpu) ports/bare/idle.c ports/bare/port.c drivers/timer/% drivers/irqchip/gic_v2.c drivers/irqchip/gic_v3.c drivers/irqchip/gic_common.c \
	virtio/vring_split% virtio/vring_packed% virtio/vring_prepared.c virtio/virtqueue.c virtio/virtio_mmio.c virtio/virtio_pci_irq.c virtio/virtio_transport.c \
	drivers/virtio/virtio_net_% drivers/virtio/%_queue.c drivers/virtio/virtio_rng.c \
	lib/arch/% $(patsubst %,lib/%.c,devicetree devicetree_index dma dma_direct irq \
	scatterlist tty) apps/bench/% apps/shell/inet.c apps/shell/netclient.c tests/bench/%
optimise = $(if $(filter $(FAST),$(1)),-O2,-Os)

CROSS_arm     := arm-none-eabi-
CROSS_aarch64 := aarch64-linux-gnu-
PICOLIBC      := /usr/lib/picolibc/aarch64-linux-gnu

MACHINE_arm     := -march=armv7-a+simd -mfpu=auto -mfloat-abi=hard -mthumb
# The compiler is one for Linux: no position-independent code, no calls into libgcc for atomics, no
# canaries, no thread-local storage that a loader would have to set up.
MACHINE_aarch64 := -march=armv8-a -fno-pie -mno-outline-atomics -fno-stack-protector \
	-ftls-model=local-exec -isystem $(PICOLIBC)/include

# A freestanding gcc uses its own <stdint.h>; newlib's <inttypes.h> then has to be told of int64_t.
CFLAGS_arm     := $(COMMON_FLAGS) $(MACHINE_arm) -D__int64_t_defined=1 -Ilib/arch/arm
# The frame pointer is for backtraces.
CFLAGS_aarch64 := $(COMMON_FLAGS) $(MACHINE_aarch64) -fno-omit-frame-pointer -Ilib/arch/aarch64

# Until the MMU is on all memory is Device memory, where an unaligned access faults.
BOOT_CFLAGS_arm     := -mno-unaligned-access
BOOT_CFLAGS_aarch64 := -mstrict-align

LDFLAGS := -nostartfiles -static -T linker.ld -Wl,--gc-sections -Wl,--fatal-warnings \
	-Wl,-z,noexecstack -Wl,--build-id=none
# Debian's armhf libraries are compiled with 32-bit enums and wchar_t; neither is in what we call.
LDFLAGS_arm     := $(CFLAGS_arm) $(LDFLAGS) -Wl,--no-enum-size-warning -Wl,--no-wchar-size-warning
LDFLAGS_aarch64 := $(CFLAGS_aarch64) $(LDFLAGS) -nostdlib -no-pie -L$(PICOLIBC)/lib/release
LDLIBS          := -Wl,--start-group -lfdt -lz -lc -lgcc -Wl,--end-group

SANITIZE    := -fsanitize=address,undefined -fno-sanitize-recover=undefined
HOST_CC     ?= gcc
HOST_CFLAGS := -std=gnu11 -O1 -g -fno-omit-frame-pointer $(WARNINGS) -I. -Ilib/arch/host

# --- images --------------------------------------------------------------------------------

# $(1): the architecture.
define image_rules
$(B)/$(1)/obj/boot/%.o: EXTRA_CFLAGS := $(BOOT_CFLAGS_$(1))

$(B)/$(1)/obj/%.o: %.c Makefile $(call third_party,$(1))/stamp | deps
	@mkdir -p $$(@D)
	@echo "  CC      $(1) $$<"
	@$(CROSS_$(1))gcc $$(call optimise,$$<) $(CFLAGS_$(1)) $$(EXTRA_CFLAGS) -isystem $(call third_party,$(1))/include -MMD -MP -c $$< -o $$@

$(B)/$(1)/obj/%.o: %.S Makefile | deps
	@mkdir -p $$(@D)
	@echo "  AS      $(1) $$<"
	@$(CROSS_$(1))gcc $(CFLAGS_$(1)) -Wa,--debug-prefix-map=$(CURDIR)=. -MMD -MP -c $$< -o $$@

$(B)/$(1)/%.bin: $(B)/$(1)/%.elf
	@echo "  BIN     $$@"
	@$(CROSS_$(1))objcopy -O binary $$< $$@
endef
$(foreach a,$(ARCHS),$(eval $(call image_rules,$(a))))

# $(1): the architecture, $(2): the program, $(3): its objects.
define program_rule
$(B)/$(1)/$(2).elf: $(3) linker.ld $(call third_party,$(1))/stamp
	@echo "  LD      $$@"
	@$(CROSS_$(1))gcc $(LDFLAGS_$(1)) -Wl,-Map=$$(@:.elf=.map) -o $$@ $$(filter %.o,$$^) \
		-L$(call third_party,$(1))/lib $(LDLIBS)
endef
$(foreach a,$(ARCHS),$(foreach p,$(PROGRAMS),$(eval $(call program_rule,$(a),$(p),$(call image_objects,$(a),$(p))))))

# --- the library -----------------------------------------------------------------------------

# virtio/, its drivers and what of lib/ they need, without a board: what ports/library/sources.py lists. The machine is
# what virtio/port.h asks for. LIB_CFLAGS adds flags, as for another CPU or ABI (the last of a kind wins).
VERSION    := 0.6.0
PREFIX     ?= /usr/local
DESTDIR    ?=
LIB_CFLAGS ?=

HOST_ARCH       := $(or $(patsubst x86_64,x86,$(filter x86_64 aarch64,$(shell uname -m))),$(if \
	$(filter riscv64,$(shell uname -m)),riscv,arm))
LIB_HEADERS_arm      := arm
LIB_HEADERS_aarch64  := aarch64
LIB_HEADERS_host     := $(HOST_ARCH)
LIB_CC_arm           := $(CROSS_arm)gcc
LIB_CC_aarch64       := $(CROSS_aarch64)gcc
LIB_CC_host           = $(HOST_CC)
LIB_AR_arm           := $(CROSS_arm)ar
LIB_AR_aarch64       := $(CROSS_aarch64)ar
LIB_AR_host          := ar
MACHINE_host         :=
LIB_FLAGS := -std=gnu11 -g -ffreestanding -ffunction-sections -fdata-sections \
	-ffile-prefix-map=$(CURDIR)=. $(WARNINGS) -I. -Ilib/arch/library

LIB_C        := $(shell $(PYTHON) ports/library/sources.py c)
LIB_PUBLIC   := $(shell $(PYTHON) ports/library/sources.py headers)
# The clock needs a counter that every CPU of the architecture can read.
lib_sources   = $(if $(wildcard lib/arch/$(LIB_HEADERS_$(1))/arch/counter.h),$(LIB_C),$(filter-out \
	virtio/port_time.c,$(LIB_C)))

# $(1): the architecture.
define library_rules
$(B)/$(1)/library/%.o: %.c Makefile | deps
	@mkdir -p $$(@D)
	@echo "  CC      $(1) (library) $$<"
	@$$(LIB_CC_$(1)) $$(call optimise,$$<) $(LIB_FLAGS) $(MACHINE_$(1)) -Ilib/arch/$(LIB_HEADERS_$(1)) \
		$$(LIB_CFLAGS) -MMD -MP -c $$< -o $$@

$(B)/$(1)/libvireo.a: $(patsubst %.c,$(B)/$(1)/library/%.o,$(call lib_sources,$(1))) ports/library/sources.py
	@echo "  AR      $$@"
	@rm -f $$@
	@$(LIB_AR_$(1)) rcsD $$@ $$(filter %.o,$$^)
endef
$(foreach a,$(LIB_ARCHS),$(eval $(call library_rules,$(a))))

.PHONY: lib libs
lib: $(B)/$(ARCH)/libvireo.a ## build the library of ARCH (arm, aarch64, host): build/ARCH/libvireo.a
libs: $(LIB_ARCHS:%=$(B)/%/libvireo.a)

# Headers keep their folders below include/vireo, which is to be on the include path. The files for pkg-config and
# CMake find the rest from where they lie, so that all of it can be moved.
.PHONY: install
install: $(B)/$(ARCH)/libvireo.a ## install the library of ARCH, its headers, pkg-config and CMake files (PREFIX, DESTDIR)
	@root='$(DESTDIR)$(PREFIX)'; set -e; \
	install -d "$$root/lib/pkgconfig" "$$root/lib/cmake/vireo" "$$root/share/doc/vireo"; \
	for h in $(LIB_PUBLIC); do install -D -m 644 $$h "$$root/include/vireo/$$h"; done; \
	install -m 644 $< "$$root/lib/"; \
	install -m 644 LICENSE "$$root/share/doc/vireo/"; \
	sed 's/@VERSION@/$(VERSION)/' ports/library/vireo.pc.in >"$$root/lib/pkgconfig/vireo.pc"; \
	sed 's/@VERSION@/$(VERSION)/' ports/library/vireo-config-version.cmake.in >"$$root/lib/cmake/vireo/vireo-config-version.cmake"; \
	install -m 644 ports/library/vireo-config.cmake "$$root/lib/cmake/vireo/"

# The same in two files.
DIST := $(B)/dist/vireo.c $(B)/dist/vireo.h
$(B)/dist/vireo.c: ports/library/amalgamate.py ports/library/sources.py $(LIB_C) \
		$(wildcard virtio/*.h virtio/wire/*.h drivers/virtio/*.h drivers/virtio/wire/*.h lib/*.h lib/arch/*/arch/*.h) | deps
	@echo "  DIST    $(@D)"
	@$(PYTHON) ports/library/amalgamate.py $(@D) $(VERSION)
$(B)/dist/vireo.h: $(B)/dist/vireo.c

.PHONY: dist
dist: $(DIST) ## make the library two files: build/dist/vireo.c and vireo.h

# The tests of the port's defaults against them: the reference device provides registers, and so the architecture.
DIST_FLAGS := -std=gnu11 -O1 -g -Wall -Wextra -Werror $(SANITIZE) -I.
DIST_ARCH  := -DVIREO_ARCH='"tests/library/refdev_arch.h"'
DIST_TESTS := $(B)/host/dist_port $(B)/host/dist_port_heap
$(B)/host/dist_port: DIST_POOL := -DVIRTIO_PORT_POOL_BYTES=262144
$(DIST_TESTS): $(B)/host/dist_%: tests/unit/test_%.c tests/unit/test_port.c tests/library/refdev_arch.h $(DIST) $(B)/host/libtests.a
	@echo "  LD      $@"
	@$(HOST_CC) $(DIST_FLAGS) $(DIST_POOL) $(DIST_ARCH) -c $(B)/dist/vireo.c -o $@.vireo.o
	@$(HOST_CC) $(DIST_FLAGS) $(DIST_POOL) -Ilib/arch/host -include $(B)/dist/vireo.h -c $< -o $@.o
	@$(HOST_CC) $(SANITIZE) -o $@ $@.o $@.vireo.o $(B)/host/libtests.a -lcmocka -lfdt -lz
UNIT_TESTS += $(DIST_TESTS)

# Its parts' sizes where it is to be small, and an image with as little as can be.
SIZE_CC     := $(CROSS_arm)gcc -std=c11 -ffreestanding -Os -mthumb -march=armv7-a -ffunction-sections -fdata-sections \
	-Wall -Wextra -Werror
SIZE_PARTS  := $(patsubst %.c,$(B)/size/%.o,$(LIB_C))
MINIMAL     := -DVIREO_DEFAULT=0 -DVIREO_MMIO=1 -DVIREO_RNG=1 -DVIREO_PACKED=0 -DVIREO_SHORT_WAYS=0 \
	-DVIREO_MESSAGES=0 -DVIRTIO_PORT_POOL_BYTES=65536
MINIMAL_LIMIT := 12288
$(B)/size/%.o: %.c Makefile | deps
	@mkdir -p $(@D)
	@$(SIZE_CC) -I. -Ilib/arch/library -Ilib/arch/arm -MMD -MP -c $< -o $@

# The MMU is off: no unaligned access. The device tree lies below 0x40200000.
$(B)/size/minimal.elf: tests/library/minimal.c $(DIST) Makefile | deps
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(SIZE_CC) -mno-unaligned-access $(MINIMAL) -I$(B)/dist $(filter %.c,$^) -o $@ -nostdlib \
		-fno-tree-loop-distribute-patterns \
		-Wl,--gc-sections -Wl,-estart -Wl,-Ttext=0x40200000 -Wl,--build-id=none -Wl,-Map=$(@:.elf=.map) -lgcc

LIBRARY_TESTS := --pytest tests/library
.PHONY: test-library
test-library: libs dist $(B)/size/minimal.elf | deps ## run the tests of the library and what is made of it (PYTEST_ARGS='-k install' chooses)
	@$(PYTHON) tests/check/run_tests.py --workers $(WORKERS) $(LIBRARY_TESTS) --pytest-args='$(PYTEST_ARGS)'
test: libs dist $(B)/size/minimal.elf

# docs/PORTING.md, followed to the letter with the two files of `make dist`; and README's way to embed them.
PORTING_TESTS := --pytest tests/porting
LIBRARY_TESTS += $(PORTING_TESTS)
.PHONY: test-porting
test-porting: dist | deps ## follow docs/PORTING.md in empty folders (PYTEST_ARGS='-k armv7' chooses)
	@$(PYTHON) tests/check/run_tests.py --workers $(WORKERS) $(PORTING_TESTS) --pytest-args='$(PYTEST_ARGS)'

# --- run and debug -------------------------------------------------------------------------

CPU_arm     := cortex-a15
CPU_aarch64 := cortex-a57
DISK        := $(B)/disk.img

# 16 MiB; every sector names itself, so that `blk read 0 N` shows where it comes from.
$(DISK): | deps
	@mkdir -p $(@D)
	@$(PYTHON) -c 'import sys; [sys.stdout.write(f"Vireo disk, sector {n}\n".ljust(512, ".")) for n in range(32768)]' >$@

# One device of each type behind virtio-mmio's modern interface. The virtio console is not on the
# terminal but behind a socket: socat -,rawer UNIX-CONNECT:build/console.sock
QEMU_OPTIONS := -M virt -cpu $(CPU_$(ARCH)) -m 256 -display none -monitor none -semihosting \
	-global virtio-mmio.force-legacy=false \
	-drive file=$(DISK),format=raw,if=none,id=disk0 -device virtio-blk-device,drive=disk0 \
	-netdev user,id=net0 -device virtio-net-device,netdev=net0 \
	-chardev socket,id=console0,path=$(B)/console.sock,server=on,wait=off \
	-device virtio-serial-device -device virtconsole,chardev=console0 \
	-device virtio-rng-device \
	-kernel $(B)/$(ARCH)/vireo.elf

.PHONY: run
run: $(B)/$(ARCH)/vireo.elf $(DISK) ## run the image of ARCH in QEMU, the shell on this terminal (leave it with poweroff, or Ctrl-A X)
	@$(QEMU) $(QEMU_OPTIONS) -serial mon:stdio $(QEMU_ARGS)

# QEMU stands in a session of its own, so that Ctrl-C in gdb stops the guest and not QEMU.
.PHONY: debug
debug: $(B)/$(ARCH)/vireo.elf $(DISK) ## run it under gdb, stopped at reset (virtio-devices, virtqueue: help user-defined)
	@rm -f $(B)/gdb.sock; \
	setsid $(QEMU) $(QEMU_OPTIONS) -S -gdb unix:$(B)/gdb.sock,server=on,wait=off \
		-chardev socket,id=serial0,path=$(B)/serial.sock,server=on,wait=off,logfile=$(B)/serial.log \
		-serial chardev:serial0 $(QEMU_ARGS) </dev/null & qemu=$$!; \
	trap 'kill $$qemu 2>/dev/null' EXIT; \
	for i in $$(seq 50); do [ -S $(B)/gdb.sock ] && break; sleep 0.1; done; \
	echo "The serial line: socat -,rawer UNIX-CONNECT:$(B)/serial.sock (log: $(B)/serial.log)"; \
	gdb-multiarch -q $< -x tests/gdb/vireo.gdb -ex 'target remote $(B)/gdb.sock' $(GDB_ARGS)

# --- tests ---------------------------------------------------------------------------------

$(B)/host/obj/%.o: %.c Makefile | deps
	@mkdir -p $(@D)
	@echo "  CC      host $<"
	@$(HOST_CC) $(HOST_CFLAGS) $(SANITIZE) -MMD -MP -c $< -o $@

# An archive: a test gets those files that it needs, and may bring its own of the others.
$(B)/host/libtests.a: $(patsubst %.c,$(B)/host/obj/%.o,$(HOST_SHIPPED) $(HOST_SUPPORT))
	@rm -f $@
	@ar rcsD $@ $^

$(B)/host/test_%: $(B)/host/obj/tests/unit/test_%.o $(B)/host/libtests.a
	@echo "  LD      $@"
	@$(HOST_CC) $(SANITIZE) $(WRAP) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcmocka -lfdt -lz

# The simulated PCI host has registers and messages of its own, so it is no part of the archive; and memory runs out there.
PCISIM := obj/tests/device/pci/pcisim.o
PCISIM_WRAP := -Wl,--wrap=calloc
$(B)/host/test_pci $(B)/host/test_hotplug: $(B)/host/$(PCISIM)
$(B)/coverage/test_pci $(B)/coverage/test_hotplug: $(B)/coverage/$(PCISIM)
$(foreach t,test_pci test_hotplug,$(B)/host/$t $(B)/coverage/$t): WRAP := $(PCISIM_WRAP)
$(B)/fuzz/fuzz_pci: $(B)/fuzz/$(PCISIM)

# The port's defaults instead of the unit tests' port. Their pages come before the archive's.
PORT_DEFAULT := virtio/port_default.o ports/library/pages.o
$(B)/host/test_port $(B)/host/test_port_heap: $(addprefix $(B)/host/obj/,$(PORT_DEFAULT))
$(B)/coverage/test_port $(B)/coverage/test_port_heap: $(addprefix $(B)/coverage/obj/,$(PORT_DEFAULT))
$(B)/host/test_port: $(B)/host/obj/virtio/port_pool.o
$(B)/coverage/test_port: $(B)/coverage/obj/virtio/port_pool.o

$(B)/host/test_port_time: $(B)/host/obj/virtio/port_time.o
$(B)/coverage/test_port_time: $(B)/coverage/obj/virtio/port_time.o

# ports/template, with the defaults for what it leaves to them.
TEMPLATE := $(patsubst %.c,%.o,$(wildcard ports/template/*.c)) $(PORT_DEFAULT)
$(B)/host/test_template: $(addprefix $(B)/host/obj/,$(TEMPLATE))
$(B)/coverage/test_template: $(addprefix $(B)/coverage/obj/,$(TEMPLATE))
$(B)/host/test_template $(B)/coverage/test_template: WRAP := -Wl,--wrap=virtio_bus_poll

# The queues on a big-endian CPU, under qemu-user.
BIG_ENDIAN_SOURCES := $(wildcard $(addprefix lib/,dma.c dma_direct.c format.c pages.c scatterlist.c) \
	virtio/virtqueue*.c virtio/vring_*.c \
	tests/device/refdev.c tests/device/refdev_split.c tests/device/refdev_packed.c \
	tests/device/dma_test.c tests/device/violation.c tests/unit/vq_model.c tests/unit/bigendian.c)
BIG_ENDIAN_RUN := 'qemu-s390x $(B)/s390x/bigendian'

$(B)/s390x/obj/%.o: %.c Makefile | deps
	@mkdir -p $(@D)
	@echo "  CC      s390x $<"
	@s390x-linux-gnu-gcc $(HOST_CFLAGS) -MMD -MP -c $< -o $@

$(B)/s390x/bigendian: $(BIG_ENDIAN_SOURCES:%.c=$(B)/s390x/obj/%.o)
	@echo "  LD      $@"
	@s390x-linux-gnu-gcc -static -o $@ $^

# What Armv7 has in assembly, under qemu-user.
ARM_RUN := 'qemu-arm $(B)/arm/arm_memset'

$(B)/arm/arm_memset: tests/unit/arm_memset.c lib/arch/arm/memset.S Makefile | deps
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CROSS_arm)gcc -std=gnu11 -O2 -g -fno-builtin $(WARNINGS) -march=armv7-a+simd -mfloat-abi=hard \
		--specs=rdimon.specs -Wl,-z,noexecstack -I. -o $@ $(filter %.c %.S,$^)

WORKERS ?= $(shell n=$$(nproc); echo $$((n < 2 ? 2 : n > 8 ? 8 : n + 1)))

# Its memory layout does not go with addresses that are random in many bits.
THREADS_RUN := 'setarch -R $(B)/threads/test_threads'

.PHONY: test
test: all $(UNIT_TESTS) $(B)/s390x/bigendian $(B)/arm/arm_memset | deps ## run all tests; the last line is "N passed, N failed"
	@$(PYTHON) tests/check/run_tests.py --workers $(WORKERS) --pytest tests/bench --pytest tests/host --pytest tests/qemu $(LIBRARY_TESTS) \
		--pytest-args='$(PYTEST_ARGS)' --alone '$(BENCH_COUNT)' $(FUZZ_SHORT) $(UNIT_TESTS) \
		$(BIG_ENDIAN_RUN) $(ARM_RUN) $(THREADS_RUN)

.PHONY: test-unit
test-unit: $(UNIT_TESTS) $(B)/s390x/bigendian $(B)/arm/arm_memset | deps ## run the unit tests alone (host, ASan and UBSan; those of make bench)
	@$(PYTHON) tests/check/run_tests.py --workers $(JOBS) --pytest tests/bench $(UNIT_TESTS) \
		$(BIG_ENDIAN_RUN) $(ARM_RUN) $(THREADS_RUN)

.PHONY: test-qemu
test-qemu: all | deps ## run the QEMU tests alone (PYTEST_ARGS='-k blk' chooses)
	@$(PYTHON) tests/check/run_tests.py --workers $(WORKERS) --pytest tests/qemu \
		--pytest-args='$(PYTEST_ARGS)'

# --- threads --------------------------------------------------------------------------------

# The drivers and ports/threads, watched by ThreadSanitizer; the devices, which are hardware, are not.
TSAN_PORT    := -DVIRTIO_PORT_TYPES='"ports/threads/port_types.h"'
TSAN_CFLAGS  := $(HOST_CFLAGS) -D_GNU_SOURCE -pthread $(TSAN_PORT)
TSAN_WATCHED := $(filter virtio/% drivers/virtio/% $(addprefix lib/,dma.c dma_direct.c pages.c scatterlist.c list_sort.c work.c system_wq.c format.c), \
	$(filter-out lib/dma_iommu% drivers/virtio/virtio_iommu%,$(HOST_SHIPPED))) \
	$(wildcard ports/threads/*.c) tests/threads/test_threads.c
TSAN_DEVICE  := $(filter-out tests/device/refdev_pci% tests/device/refdev_iommu% tests/device/its% tests/device/refsmmu% \
	tests/device/sim% tests/device/encryption.c,$(wildcard tests/device/*.c)) tests/threads/hardware.c

# It knows nothing of fences, which order what the devices see.
$(addprefix $(B)/threads/obj/,$(TSAN_WATCHED:%.c=%.o)): TSAN := -fsanitize=thread -Wno-tsan
$(B)/threads/obj/%.o: %.c Makefile | deps
	@mkdir -p $(@D)
	@echo "  CC      threads $<"
	@$(HOST_CC) $(TSAN_CFLAGS) $(TSAN) -MMD -MP -c $< -o $@

$(B)/threads/test_threads: $(patsubst %.c,$(B)/threads/obj/%.o,$(TSAN_WATCHED) $(TSAN_DEVICE))
	@echo "  LD      $@"
	@$(HOST_CC) -pthread -fsanitize=thread $(foreach b,8 16 32,-Wl,--wrap=mmio_read$(b) -Wl,--wrap=mmio_write$(b)) \
		-o $@ $^ -lcmocka

test test-unit: $(B)/threads/test_threads

# --- the host port -------------------------------------------------------------------------

# The drivers in a Linux process, whose devices are other processes (ports/host, docs/DESIGN.md). The tools are built twice:
# for use, and with sanitizers for the tests.
HOST_TOOLS       := vireo-blk vireo-net
HOST_PORT_COMMON := $(filter-out lib/log.c lib/tty.c $(BARE_ONLY) $(LIBRARY_ONLY),$(wildcard lib/*.c)) \
	$(filter-out $(LIBRARY_ONLY),$(wildcard virtio/*.c drivers/virtio/*.c ports/host/*.c)) ports/host/tools/tool.c
HOST_TOOL_vireo-blk := $(wildcard ports/host/tools/vireo_blk.c ports/host/tools/blk_*.c)
HOST_TOOL_vireo-net := ports/host/tools/vireo_net.c
HOST_TOOL_FLAGS  := -std=gnu11 -O2 -g -ffunction-sections -fdata-sections -Wl,--gc-sections $(WARNINGS) \
	-I. -Ilib/arch/host

$(B)/native/obj/%.o: %.c Makefile | deps
	@mkdir -p $(@D)
	@echo "  CC      native $<"
	@$(HOST_CC) $(filter-out -Wl%,$(HOST_TOOL_FLAGS)) -DVIRTIO_PORT_INLINE='"ports/host/port_inline.h"' -MMD -MP -c $< -o $@

# Archives: a tool gets what it needs.
$(B)/native/libhost.a: $(HOST_PORT_COMMON:%.c=$(B)/native/obj/%.o)
$(B)/host/libhost.a: $(HOST_PORT_COMMON:%.c=$(B)/host/obj/%.o)
$(B)/native/libhost.a $(B)/host/libhost.a:
	@rm -f $@
	@ar rcsD $@ $^

define host_tool_rules
$(B)/host/$(1): $(HOST_TOOL_$(1):%.c=$(B)/native/obj/%.o) $(B)/native/libhost.a
	@mkdir -p $$(@D)
	@echo "  LD      $$@"
	@$(HOST_CC) $(HOST_TOOL_FLAGS) -o $$@ $$(filter %.o,$$^) $$(filter %.a,$$^)

$(B)/host/checked/$(1): $(HOST_TOOL_$(1):%.c=$(B)/host/obj/%.o) $(B)/host/libhost.a
	@mkdir -p $$(@D)
	@echo "  LD      $$@"
	@$(HOST_CC) $(SANITIZE) -o $$@ $$(filter %.o,$$^) $$(filter %.a,$$^)
endef
$(foreach t,$(HOST_TOOLS),$(eval $(call host_tool_rules,$(t))))

.PHONY: host
host: $(HOST_TOOLS:%=$(B)/host/%) ## build the tools on the host port: vireo-blk, vireo-net
image all: host

.PHONY: test-host
test-host: host-checked ## run the tests against devices that others wrote alone (PYTEST_ARGS='-k blk' chooses)
	@$(PYTHON) tests/check/run_tests.py --workers $(WORKERS) --pytest tests/host --pytest-args='$(PYTEST_ARGS)'

$(B)/host/bench-host: $(B)/native/obj/tests/host/bench.o $(B)/native/libhost.a
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(HOST_CC) $(HOST_TOOL_FLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^)

.PHONY: bench-host
bench-host: $(B)/host/bench-host ## measure polled reads from qemu-storage-daemon against a loop without a driver stack; fails below 95 %
	@$(PYTHON) tests/host/bench.py $(BENCH_ARGS)

# DPDK's testpmd and what it is linked with, as Debian has them: unpacked and not installed, as nothing else here needs them.
DPDK_LIBRARIES := eal ethdev kvargs telemetry net mbuf mempool ring meter cmdline crypto-scheduler cryptodev rcu bus-vdev \
	reorder bitratestats metrics bpf gro gso latencystats pdump pcapng net-bnxt bus-pci pci net-i40e hash net-ixgbe \
	security bus-dpaa common-dpaax eventdev timer mempool-dpaa net-dpaa net-bond sched ip-frag net-ice common-iavf \
	bus-auxiliary net-vhost vhost dmadev mempool-ring
DPDK_PACKAGES  := dpdk-dev $(DPDK_LIBRARIES:%=librte-%23) librte-net-mlx5-23 librte-common-mlx5-23 libnuma1 libfdt1 \
	libbsd0 libjansson4 libelf1 libpcap0.8 libibverbs1 ibverbs-providers libnl-3-200 libnl-route-3-200 libdbus-1-3 libmd0

$(B)/third_party/dpdk/stamp: .ci/debian_download.sh | deps
	@echo "  FETCH   DPDK's testpmd"
	@.ci/debian_download.sh $$(dpkg --print-architecture) $(@D) $(DPDK_PACKAGES)
	@touch $@

.PHONY: host-checked
host-checked test-qemu: $(B)/third_party/dpdk/stamp
host-checked: $(HOST_TOOLS:%=$(B)/host/checked/%) | deps
test: host-checked

# --- fuzzing -------------------------------------------------------------------------------

# clang's libFuzzer. `make fuzz` searches on from tests/fuzz/corpus; what it finds on the way stays in
# build/fuzz/corpus, and `make fuzz-corpus` puts the smallest set with the same edges into the tree.
FUZZ_CC      ?= clang-14
FUZZ_CFLAGS  := $(HOST_CFLAGS) -Wno-bitwise-instead-of-logical \
	-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_TARGETS := $(sort $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_SHIPPED := $(filter lib/% virtio/% drivers/virtio/% drivers/pci/%,$(HOST_SHIPPED))
FUZZ_SUPPORT := $(filter-out tests/fuzz/fuzz_%.c,$(wildcard tests/fuzz/*.c)) $(HOST_SUPPORT)
# The drivers give memory up on purpose where a device does not answer: see tests/fuzz/fuzz.c.
FUZZ_WRAP    := -Wl,--wrap=port_alloc -Wl,--wrap=port_free
FUZZ_BINS    := $(FUZZ_TARGETS:%=$(B)/fuzz/%)
SECONDS      ?= 60

$(B)/fuzz/obj/%.o: %.c Makefile | deps
	@mkdir -p $(@D)
	@echo "  CC      fuzz $<"
	@$(FUZZ_CC) $(FUZZ_CFLAGS) -MMD -MP -c $< -o $@

$(B)/fuzz/libvireo.a: $(patsubst %.c,$(B)/fuzz/obj/%.o,$(FUZZ_SHIPPED) $(FUZZ_SUPPORT))
	@rm -f $@
	@ar rcsD $@ $^

$(FUZZ_BINS): $(B)/fuzz/%: $(B)/fuzz/obj/tests/fuzz/%.o $(B)/fuzz/libvireo.a
	@echo "  LD      $@"
	@$(FUZZ_CC) -fsanitize=fuzzer,address,undefined $(FUZZ_WRAP) -o $@ \
		$(filter %.o,$^) $(filter %.a,$^) -lcmocka -lfdt -lz

# $(1): the target, $(2): options. An input may take 10 s; what fails is kept as build/fuzz/TARGET-*.
fuzz_command = $(1)=$(B)/fuzz/$(1) -artifact_prefix=$(B)/fuzz/$(1)- -timeout=10 -rss_limit_mb=1024 \
	-verbosity=0 -print_funcs=0 -print_final_stats=1 -max_len=1024 $(2)
# What is in the tree, and some new inputs, the same ones each time. libFuzzer keeps what it finds in
# the first folder, which is therefore not the tree's.
FUZZ_SHORT := $(foreach t,$(FUZZ_TARGETS),--command '$(call fuzz_command,$(t),-seed=1 \
	-runs=6000 $(B)/fuzz/short/$(t) tests/fuzz/corpus/$(t))')
FUZZ_LONG  := $(foreach t,$(FUZZ_TARGETS),--command '$(call fuzz_command,$(t),-use_value_profile=1 \
	-max_total_time=$(SECONDS) $(B)/fuzz/corpus/$(t) tests/fuzz/corpus/$(t))')

.PHONY: fuzz
fuzz: $(FUZZ_BINS) | deps ## run each fuzz target SECONDS (60) long, JOBS of them at a time
	@mkdir -p $(FUZZ_TARGETS:%=$(B)/fuzz/corpus/%)
	@$(PYTHON) tests/check/run_tests.py --workers $(JOBS) --verbose $(FUZZ_LONG)

.PHONY: fuzz-scratch
fuzz-scratch:
	@rm -rf $(B)/fuzz/short && mkdir -p $(FUZZ_TARGETS:%=$(B)/fuzz/short/%)

test: $(FUZZ_BINS) fuzz-scratch

.PHONY: test-fuzz
test-fuzz: $(FUZZ_BINS) fuzz-scratch ## run the fuzz targets over their corpus and a few thousand new inputs
	@$(PYTHON) tests/check/run_tests.py --workers $(JOBS) $(FUZZ_SHORT)

.PHONY: fuzz-corpus
fuzz-corpus: $(FUZZ_BINS) ## after a long fuzz: a new corpus in tests/fuzz/corpus, as small as it can be
	@for t in $(FUZZ_TARGETS); do \
		old=$(B)/fuzz/corpus.old/$$t; mkdir -p $$old $(B)/fuzz/corpus/$$t; \
		mkdir -p tests/fuzz/corpus/$$t; cp -f tests/fuzz/corpus/$$t/* $$old 2>/dev/null; \
		rm -f tests/fuzz/corpus/$$t/*; \
		$(B)/fuzz/$$t -set_cover_merge=1 -use_counters=0 -max_len=1024 tests/fuzz/corpus/$$t \
			$$old $(B)/fuzz/corpus/$$t || exit 1; \
		echo "$$t: $$(ls tests/fuzz/corpus/$$t | wc -l) files"; \
	done

# --- coverage ------------------------------------------------------------------------------

# The unit tests once more, not optimised, so that a branch in the source is one in the program.
COVERAGE_CFLAGS := $(filter-out -O1,$(HOST_CFLAGS)) -O0 --coverage -fprofile-abs-path
COVERAGE_TESTS  := $(patsubst $(B)/host/%,$(B)/coverage/%,$(filter-out $(DIST_TESTS),$(UNIT_TESTS)))

$(B)/coverage/obj/%.o: %.c Makefile | deps
	@mkdir -p $(@D)
	@echo "  CC      coverage $<"
	@rm -f $(@:.o=.gcda)
	@$(HOST_CC) $(COVERAGE_CFLAGS) -MMD -MP -c $< -o $@

$(B)/coverage/libvireo.a: $(patsubst %.c,$(B)/coverage/obj/%.o,$(HOST_SHIPPED) $(HOST_SUPPORT))
	@rm -f $@
	@ar rcsD $@ $^

$(B)/coverage/test_%: $(B)/coverage/obj/tests/unit/test_%.o $(B)/coverage/libvireo.a
	@$(HOST_CC) --coverage $(WRAP) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcmocka -lfdt -lz

# Branches of virtio/ that the unit tests take, of those that can be taken at all; see the script.
COVERAGE_BRANCHES := 95
.PHONY: coverage
coverage: $(COVERAGE_TESTS) | deps ## line and branch coverage of virtio/ by the unit tests; fails below 95 % of branches
	@find $(B)/coverage -name '*.gcda' -delete
	@$(PYTHON) tests/check/run_tests.py --workers $(JOBS) $(COVERAGE_TESTS)
	@$(PYTHON) tests/check/coverage.py --minimum $(COVERAGE_BRANCHES) $(B)/coverage

# --- proofs -------------------------------------------------------------------------------

# Large, and for this alone.
PROOF_PACKAGES := frama-c-base why3 z3 cvc4
.PHONY: proof
proof: | deps ## prove the rings' memory safety, index arithmetic and ordering (docs/PROOFS.md)
ifneq ($(DEPS),no)
	@.ci/deps.sh $(PROOF_PACKAGES)
endif
	@$(PYTHON) tests/proof/run_proofs.py

# --- benchmarks ---------------------------------------------------------------------------

# What the machine allows: a bare loop on the boot code and lib/, with nothing of virtio/ or its drivers.
floor_sources = $(filter boot/% lib/% drivers/irqchip/% drivers/serial/% drivers/timer/% \
	ports/bare/stack_protector.c,$(call image_sources,$(1))) apps/shell/parse.c \
	$(wildcard tests/bench/floor/*.c)
$(foreach a,$(ARCHS),$(eval $(call program_rule,$(a),floor,$(patsubst %,$(B)/$(a)/obj/%.o,$(basename $(call floor_sources,$(a)))))))

# What a boot is compared with is no program of ours: neither the linker script's sections nor its symbols.
IMAGE_BASE := $(shell sed -n 's/^image_base = \(.*\);/\1/p' linker.ld)
$(B)/%/off.elf: tests/bench/floor/off.S linker.ld | deps
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CROSS_$*)gcc $(WARNINGS) -nostdlib -static -Wl,--build-id=none -Wl,-Ttext=$(IMAGE_BASE) -o $@ $<

.PHONY: floor
floor: $(foreach a,$(ARCHS),$(B)/$(a)/floor.elf $(B)/$(a)/off.elf) ## build the images that measure what the machine allows (tests/bench/floor)
test test-qemu: floor

BENCH_RING := $(wildcard virtio/v*ring*.c virtio/virtqueue*.c) lib/dma.c lib/dma_direct.c lib/format.c lib/scatterlist.c
$(B)/bench/ring: tests/bench/ring.c $(BENCH_RING) $(wildcard virtio/*.h lib/*.h) | deps
	@mkdir -p $(@D)
	@$(HOST_CC) -std=gnu11 -O2 -g $(WARNINGS) -I. -Ilib/arch/host -o $@ $(filter %.c,$^)

.PHONY: bench-ring
bench-ring: $(B)/bench/ring ## count what a buffer costs the driver, into docs/PERFORMANCE.md; fails over a bound
	@$(PYTHON) tests/bench/ring.py $< --write docs/PERFORMANCE.md

# A disk that does nothing, so that the job's cost is ours.
JOB ?= blk 0 r rand 4096 qd=32 n=4000
PROFILE_DEVICES := -blockdev null-co,node-name=d,size=1073741824 -device virtio-blk-device,drive=d

$(B)/bench/trace_count: tests/bench/trace_count.c | deps
	@mkdir -p $(@D)
	@$(HOST_CC) -std=gnu11 -O2 $(WARNINGS) -o $@ $<

.PHONY: profile
profile: $(B)/bench/trace_count $(B)/$(ARCH)/vireo.elf ## where the instructions of a job go, by function: JOB='blk 0 r rand 4096 qd=1 n=1000'
	@$(PYTHON) tests/bench/profile.py $< $(ARCH) '$(JOB)' $(PROFILE_DEVICES) $(QEMU_ARGS)

# The peers: Debian's Linux, U-Boot and EDK2, downloaded and not installed, each with a program of
# ours that runs the jobs. The packages here are for this alone.
BENCH_PACKAGES      := libc6-dev-arm64-cross gcc-arm-linux-gnueabihf libc6-dev-armhf-cross
PEERS               := tests/bench/peers
PEERS_arm           := linux-image-armmp-lpae+ u-boot-qemu qemu-efi-arm
PEERS_aarch64       := linux-image-arm64+ u-boot-qemu qemu-efi-aarch64
PEER_CC_arm         := arm-linux-gnueabihf-gcc
PEER_CC_aarch64     := aarch64-linux-gnu-gcc
PEER_CFLAGS         := -std=gnu11 -O2 -g $(WARNINGS) -static
# Firmware starts the program with whatever floating-point state it has.
EFI_CFLAGS_arm      := -marm -march=armv7-a -mfloat-abi=soft
EFI_CFLAGS_aarch64  := -mgeneral-regs-only -mno-outline-atomics
EFI_CFLAGS          := $(PEER_CFLAGS) -ffreestanding -fpic -fvisibility=hidden -fno-stack-protector \
	-fno-asynchronous-unwind-tables -nostdlib -no-pie -Wl,--build-id=none -Wl,-z,noexecstack \
	-Wl,--no-warn-rwx-segments

.PHONY: bench-deps
bench-deps: | deps
ifneq ($(DEPS),no)
	@.ci/deps.sh $(BENCH_PACKAGES)
endif

$(B)/peers/%/stamp: .ci/debian_download.sh $(PEERS)/prepare.py | deps
	@echo "  FETCH   Linux, U-Boot and EDK2 for $*"
	@.ci/debian_download.sh $(debian_arch_$*) $(@D) $(PEERS_$*)
	@$(PYTHON) $(PEERS)/prepare.py take $(@D)/root $(@D) $*
	@rm -rf $(@D)/root
	@touch $@

$(B)/peers/%/init: $(wildcard $(PEERS)/linux_*.[ch]) Makefile | bench-deps
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(PEER_CC_$*) $(PEER_CFLAGS) -D_FILE_OFFSET_BITS=64 -o $@ $(filter %.c,$^)

$(B)/peers/%/initramfs.cpio: $(B)/peers/%/init $(B)/peers/%/stamp
	@$(PYTHON) $(PEERS)/prepare.py pack $(@D) $<

$(B)/peers/%/bench.efi: $(PEERS)/efi_start.S $(PEERS)/efi_bench.c $(PEERS)/efi.ld Makefile | bench-deps
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(PEER_CC_$*) $(EFI_CFLAGS) $(EFI_CFLAGS_$*) -T $(PEERS)/efi.ld -o $(@:.efi=.elf) \
		$(filter %.S %.c,$^)
	@$(CROSS_aarch64)objcopy -O binary $(@:.efi=.elf) $@

$(B)/peers/echo: $(PEERS)/echo.c Makefile | deps
	@mkdir -p $(@D)
	@$(HOST_CC) -std=gnu11 -O2 -g $(WARNINGS) -o $@ $<

.PHONY: bench-peers
bench-peers: $(B)/peers/echo $(foreach a,$(ARCHS),$(B)/peers/$(a)/initramfs.cpio $(B)/peers/$(a)/bench.efi) ## fetch and build what Vireo is compared with: Linux, U-Boot, EDK2

# QEMU's exact counts of the jobs in budget.tsv.
BENCH_COUNT := $(PYTHON) tests/bench/count.py
.PHONY: bench-count
bench-count: all | deps ## count instructions, notifications, interrupts and accesses; fails over tests/bench/budget.tsv
	@$(BENCH_COUNT)

# BENCH_ARGS='--participants vireo,linux --measures read --rounds 3' runs less, '--scale 2' longer jobs;
# '--from build/bench/rates.json' runs nothing and writes page and charts anew; --help has the rest.
.PHONY: bench
bench: bench-peers all floor $(B)/bench/trace_count ## measure Vireo, the floor and the peers, into docs/PERFORMANCE.md and its charts
	@$(PYTHON) tests/bench/rates.py --page docs/PERFORMANCE.md $(BENCH_ARGS)

# --- checks --------------------------------------------------------------------------------

CHECKS := format layers warnings cppcheck analyzer tidy python conformance stack size
.PHONY: check $(addprefix check-,$(CHECKS))
check: $(addprefix check-,$(CHECKS)) ## all static checks: format, layers, warnings, cppcheck, analyzer, tidy, conformance, stack, size
	@echo 'check: clean'

# Another version of clang-format lays some lines out in another way: then it is only a hint.
CLANG_FORMAT_VERSION := 14
check-format: | deps
	@if clang-format --version | grep -q 'version $(CLANG_FORMAT_VERSION)\.'; then \
		clang-format --dry-run -Werror $(C_FILES); \
	else echo 'check-format: skipped, clang-format is not version $(CLANG_FORMAT_VERSION)'; fi

.PHONY: format
format: | deps ## lay out all C files by .clang-format
	@clang-format -i $(C_FILES)

check-layers: | deps
	@$(PYTHON) tests/check/layers.py

# Three compilers with -Werror: both images and the host's archive and tests.
check-warnings: all $(UNIT_TESTS) $(B)/bench/ring

# checkers-report and the like are off; the suppressions are about style that we choose.
check-cppcheck: | deps
	@mkdir -p $(B)/cppcheck
	@cppcheck -q -j$(JOBS) --std=c11 --platform=unix32 --enable=warning,performance,portability \
		--error-exitcode=1 --inline-suppr --cppcheck-build-dir=$(B)/cppcheck \
		--suppress=missingIncludeSystem -D__arm__ -D__GNUC__ -I. -Ilib/arch/arm \
		boot lib drivers virtio ports apps

# gcc's path-sensitive analysis and clang-tidy look at what shows itself on the host too. Which tables
# a queue has depends on its features, which gcc 12 cannot know: it sees NULL where there is none.
ANALYZED := $(filter virtio/% drivers/% lib/% apps/%,$(HOST_SHIPPED))
check-analyzer: $(patsubst %.c,$(B)/analyzer/%.ok,$(ANALYZED))
$(B)/analyzer/%.ok: %.c Makefile | deps
	@mkdir -p $(@D)
	@$(HOST_CC) $(HOST_CFLAGS) -fanalyzer -Wno-analyzer-null-dereference -MMD -MP -MT $@ -MF $(@:.ok=.d) -S -o /dev/null $<
	@touch $@

TIDY_CHECKS := -*,bugprone-*,-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier,\
	-bugprone-narrowing-conversions,-bugprone-implicit-widening-of-multiplication-result
check-tidy: $(patsubst %.c,$(B)/tidy/%.ok,$(ANALYZED))
$(B)/tidy/%.ok: %.c Makefile | deps
	@mkdir -p $(@D)
	@clang-tidy --quiet --warnings-as-errors='*' --checks='$(TIDY_CHECKS)' $< -- \
		-std=gnu11 -I. -Ilib/arch/host 2>$(@:.ok=.log) || { cat $(@:.ok=.log); exit 1; }
	@touch $@

check-python: | deps
	@$(PYTHON) -c 'import pathlib, sys; [compile(p.read_text(), str(p), "exec") for d in ("tests", "tools") for p in pathlib.Path(d).rglob("*.py")]'

# Every requirement of the specification has its function and its test; the page says so.
check-conformance: | deps
	@$(PYTHON) tests/check/conformance.py --check

.PHONY: conformance-table
conformance-table: | deps ## make docs/CONFORMANCE.md of tests/requirements.tsv, and check that it is true
	@$(PYTHON) tests/check/conformance.py

check-stack: all
	@$(PYTHON) tests/check/stack.py $(ARCHS:%=$(B)/%/obj)

# The bound of the shell image on Armv7 with newlib.
SIZE_LIMIT := 163840
LIBRARY_SIZE = tests/check/library_size.py $(CROSS_arm)size $(B)/size --minimal $(B)/size/minimal.elf --limit $(MINIMAL_LIMIT)
check-size: $(B)/arm/vireo.elf $(B)/size/minimal.elf
	@$(PYTHON) tests/check/size.py --brief --limit $(SIZE_LIMIT) $(B)/arm/vireo.map
	@$(PYTHON) $(LIBRARY_SIZE) --brief

.PHONY: size
size: all $(SIZE_PARTS) $(B)/size/minimal.elf ## show the images' and the library's sizes by folder and part; fails above a bound
	@$(PYTHON) $(LIBRARY_SIZE)
	@$(PYTHON) tests/check/size.py $(ARCHS:%=$(B)/%/bench.map) $(B)/aarch64/vireo.map
	@$(PYTHON) tests/check/size.py --limit $(SIZE_LIMIT) $(B)/arm/vireo.map

# --- editors, cleaning ----------------------------------------------------------------------

# The image of ARCH, and the tests for the host. Made anew each time: it is quick.
json_entry = {"directory": "$(CURDIR)", "file": "$(1)", "command": "$(2) -c $(1)"}$(,)
, := ,
.PHONY: compile_commands.json
compile_commands.json: | deps ## for editors: how each file is compiled (for ARCH)
	$(file >$@.tmp,[)
	$(foreach s,$(sort $(filter %.c,$(call image_sources,$(ARCH)) $(foreach p,$(PROGRAMS),$(SOURCES_$(p))))),$(file >>$@.tmp,$(call json_entry,$(s),$(CROSS_$(ARCH))gcc $(CFLAGS_$(ARCH)) -isystem $(call third_party,$(ARCH))/include)))
	$(foreach s,$(HOST_SUPPORT) $(wildcard tests/unit/test_*.c),$(file >>$@.tmp,$(call json_entry,$(s),$(HOST_CC) $(HOST_CFLAGS))))
	@sed '$$s/,$$//' $@.tmp >$@ && echo ']' >>$@ && rm $@.tmp

.PHONY: clean
clean: ## remove what was built; keeps what was downloaded
	@rm -rf $(filter-out $(B)/third_party $(B)/peers,$(wildcard $(B)/*)) compile_commands.json

.PHONY: distclean
distclean: ## remove everything that is not in git's care
	@rm -rf $(B) compile_commands.json .pytest_cache

-include $(shell [ -d $(B) ] && find $(B) -name '*.d' -not -path '*/third_party/*')
