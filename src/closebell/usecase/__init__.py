"""One file, one story a user can tell, one transaction each."""
