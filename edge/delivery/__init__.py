"""From an event to every store and screen: rendered once, kept on disk, delivered until taken.

`render` (pure) -> `outbox` (SQLite) -> `courier` -> `sinks`.
"""
