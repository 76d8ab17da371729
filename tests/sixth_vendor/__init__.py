"""A sixth vendor, written as anyone would outside the package: one module, a hook and an operator."""
