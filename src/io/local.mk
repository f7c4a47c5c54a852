noinst_LIBRARIES += libio.a
libio_a_SOURCES = \
	%reldir%/conn.c %reldir%/conn.h \
	%reldir%/conn_io.c %reldir%/conn_priv.h \
	%reldir%/listener.c %reldir%/listener.h \
	%reldir%/loop.c %reldir%/loop.h \
	%reldir%/pool.c %reldir%/pool.h \
	%reldir%/tls.c %reldir%/tls.h %reldir%/tls_priv.h \
	%reldir%/tls_stream.c %reldir%/tls_stream.h
