"""What each property on the wire means, for the schemas: one sentence for a word, wherever it stands."""
