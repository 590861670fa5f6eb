# SPDX-License-Identifier: GPL-2.0-only
"""dt-mk-schema of Debian's dt-schema 2025.08, which trips over Linux 7.3.

Two of that kernel's own bindings give one property two types. When dt-schema says so it
looks for a schema by an ID that ends in "#", while its table has them without, and dies.
Here both are found.
"""

import sys

from dtschema import mk_schema
from dtschema.validator import DTValidator

said = DTValidator.check_duplicate_property_types


def check(self):
    plain = self.schemas
    self.schemas = {**plain, **{k + "#": v for k, v in plain.items()}}
    said(self)
    self.schemas = plain


DTValidator.check_duplicate_property_types = check
sys.exit(mk_schema.main())
