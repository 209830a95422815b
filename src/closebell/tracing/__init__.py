"""What a call takes part in beyond this process: spans, and where they go."""
