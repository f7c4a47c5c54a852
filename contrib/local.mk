EXTRA_DIST += %reldir%/packages.txt %reldir%/setup %reldir%/check %reldir%/facteurd.service
