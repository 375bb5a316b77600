"""Uploads that can be interrupted and resumed: opened, filled part by part, taken in, or forgotten."""
