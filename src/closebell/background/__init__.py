"""What a process sees to by itself, and nobody calls for: upkeep, erasures, pages that nobody paid on."""
