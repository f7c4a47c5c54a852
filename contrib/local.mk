EXTRA_DIST += %reldir%/packages.txt %reldir%/setup %reldir%/check %reldir%/try %reldir%/try.py %reldir%/facteurd.service
