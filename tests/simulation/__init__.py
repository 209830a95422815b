"""The real service in a world of its own, where one seed decides time, luck, crashes and what the network does."""
