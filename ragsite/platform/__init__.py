"""Pages of platform administrators: tenants, accounts, operations and emergency access. No content."""
