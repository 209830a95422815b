"""The delivery worker: claims what is due, sends it, records what came of it."""
