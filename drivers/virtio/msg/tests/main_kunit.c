// SPDX-License-Identifier: GPL-2.0-only
/*
 * All KUnit suites of virtio-msg are one module; this is what a module has once.
 * Each suite registers itself by kunit_test_suite() in its own file.
 */
#include <linux/module.h>

MODULE_DESCRIPTION("KUnit tests of virtio-msg");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
