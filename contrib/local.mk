EXTRA_DIST += %reldir%/packages.txt
