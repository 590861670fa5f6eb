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
	@echo "  make fuzz      the pure layers in user space: their tests, and a short fuzz run"
	@echo "  make kunit     KUnit: User Mode Linux, s390x, arm64 with KASAN and lockdep"
	@echo "  make selftest  kselftests in guests: debian, debian-lts, debug"
	@echo "  make soak      the long variants of the kselftests"
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
	@$(BENCH)/fetch debian userland toolchain
	@$(BENCH)/demo

.PHONY: demo-dual
demo-dual:
	@$(BENCH)/setup
	@$(BENCH)/fetch debian userland backends toolchain
	@$(BENCH)/demo-dual

.PHONY: try
try:
	@$(BENCH)/try

.PHONY: lint modules device fuzz kunit selftest soak
lint modules device fuzz kunit selftest soak:
	@$(BENCH)/check $@

.PHONY: clean
clean:
	@$(BENCH)/clean

.PHONY: distclean
distclean:
	@$(BENCH)/clean --all
