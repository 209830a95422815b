"""The rules, pure: no clock, no luck, no network, no database."""
