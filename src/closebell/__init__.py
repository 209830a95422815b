"""Closebell closes invoices and rings every application that must know."""
