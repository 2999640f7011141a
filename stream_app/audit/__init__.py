"""Audit: was a window right? Recomputed from the topics, by other code than the worker's.

    replay  ──> counted ──> batch ──┬─> check     compares a window with the one that should be
    (1-4)       (5-7)       (8)     └─> explain   says why an item stands where it does
    history: reads the topics        ledger (9-10): what a close may select

The rules 1-11 stand in the modules that follow them, on their own: nothing is shared with the
worker but the wire (`schemas`), the batch functions (`activelab`) and the version of the rules.
"""

from stream_app.audit.check import AuditReport, Difference, audit, audit_all, audit_history

__all__ = ["AuditReport", "Difference", "audit", "audit_all", "audit_history"]
