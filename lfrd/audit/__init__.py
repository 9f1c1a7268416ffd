"""The log as others can check it: tree, signatures, export. Knows nothing else of lfrd."""
