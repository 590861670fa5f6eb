# SPDX-License-Identifier: GPL-2.0-only
#
# virtio-msg: what a person types. The driver itself is built by kbuild, in a
# kernel tree or through the file Kbuild beside this one.

BENCH := tools/testing/virtio-msg

.DEFAULT_GOAL := help

.PHONY: help
help:
	@echo "virtio-msg: virtio devices over messages"
	@echo
	@echo "  make demo      boot a stock arm64 guest; use a disk, a network card and an"
	@echo "                 entropy source over virtio-msg"
	@echo "  make demo-dual boot two guests with one IVSHMEM memory between them: one"
	@echo "                 serves devices to the other"
	@echo "  make check     run every test"
	@echo "  make try       this machine gives itself a disk, through /dev/virtio-msg:"
	@echo "                 builds and loads modules for the running kernel (root; asks)"
	@echo
	@echo "Parts of it:"
	@echo "  make lint      checkpatch, sparse, kernel-doc, shellcheck, layering"
	@echo "  make modules   build our modules for all kernels (W=1)"
	@echo "  make device    build the device side and run its own tests"
	@echo "  make fuzz      the core in user space: its fuzzers, and their corpora"
	@echo "  make sim       the core in a simulator: 20,000 seeds of faults"
	@echo "  make models    barriers, hand-shakes and lives, verified with spin"
	@echo "  make kunit     KUnit: User Mode Linux, s390x, arm64 with KASAN and lockdep"
	@echo "  make selftest  kselftests in guests: debian, debian-lts, debug"
	@echo "  make mutants   the planted bugs still apply to the source"
	@echo "  make soak      what takes hours, in pieces, with a log (see soak --help)"
	@echo "  make score     how many planted bugs are found (half an hour and more)"
	@echo "  make check-xen-x86   a smoke test with Xen on x86 (some minutes)"
	@echo "  make bench     what a device costs, beside virtio-mmio, virtio-pci and vhost-user;"
	@echo "                 a table of the goals and plots. QUICK=1: a short run"
	@echo
	@echo "  make series    the driver as patches for the kernel's mailing lists, in"
	@echo "                 $(BENCH)/out/series; SIGNOFF=, ASSISTED_BY= (see there: series --help)"
	@echo "  make deb       Debian packages: the driver for dkms, and the tools, in"
	@echo "                 $(BENCH)/out/deb (DEB=--help: options)"
	@echo "  make check-deb the packages in Debian 13 for arm64 (long)"
	@echo "  make install   modules for the running kernel, and the tools, into /usr/local;"
	@echo "  make uninstall takes them away again (INSTALL=--help: options)"
	@echo
	@echo "  make clean     remove what was built, keep downloads and kernels"
	@echo "  make distclean remove the whole cache"
	@echo
	@echo "On Debian 12, run by root, the packages that are needed are installed first."
	@echo "Downloads and kernels are kept in \$$XDG_CACHE_HOME/virtio-msg (~/.cache)."
	@echo "One guest by hand: $(BENCH)/guest --help"

.PHONY: check
check:
	@$(BENCH)/check

.PHONY: demo
demo:
	@$(BENCH)/setup
	@$(BENCH)/fetch debian userland tracefs toolchain
	@$(BENCH)/demo

.PHONY: demo-dual
demo-dual:
	@$(BENCH)/setup
	@$(BENCH)/fetch debian userland tracefs backends toolchain
	@$(BENCH)/demo-dual

.PHONY: try
try:
	@$(BENCH)/try

.PHONY: lint modules device fuzz sim models mutants kunit selftest soak score
lint modules device fuzz sim models mutants kunit selftest soak score:
	@$(BENCH)/check $@

.PHONY: series
series:
	@$(BENCH)/fetch source
	@$(BENCH)/series

.PHONY: deb check-deb
deb:
	@$(BENCH)/setup
	@$(BENCH)/deb $(DEB)
check-deb:
	@$(BENCH)/check deb deb-guest

# Options of the script "install" in INSTALL, such as "--no-modules --prefix /usr"
.PHONY: install uninstall
install:
	@$(BENCH)/install $(INSTALL)
uninstall:
	@$(BENCH)/install --uninstall $(INSTALL)

.PHONY: check-xen-x86
check-xen-x86:
	@$(BENCH)/setup
	@$(BENCH)/xen-x86

# Parts of it in BENCH_ARGS, as in BENCH_ARGS="block --rounds 9"
.PHONY: bench
bench:
	@$(BENCH)/setup
	@$(BENCH)/fetch debian userland tracefs toolchain qemu-plugin
	@QUICK=$(QUICK) $(BENCH)/bench-goals $(BENCH_ARGS)

.PHONY: clean
clean:
	@$(BENCH)/clean

.PHONY: distclean
distclean:
	@$(BENCH)/clean --all
