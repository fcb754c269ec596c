"""Where entries go: one module a store, all held to one conformance suite."""
