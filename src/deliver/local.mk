noinst_LIBRARIES += libdeliver.a
libdeliver_a_SOURCES =
