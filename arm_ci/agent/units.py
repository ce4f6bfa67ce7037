"""Sizes by their names."""

from __future__ import annotations

KIBIBYTE = 1 << 10
MEBIBYTE = 1 << 20
