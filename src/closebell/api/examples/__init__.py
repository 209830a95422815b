"""What the documentation shows: calls and answers over the sample salon, one module for each part of the API."""
