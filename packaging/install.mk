# make install: filled by packaging.
