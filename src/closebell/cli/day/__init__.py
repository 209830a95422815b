"""A salon's day: three centres, hundreds of invoices of every kind, and books of its own that must agree in the end."""
