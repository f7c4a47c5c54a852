noinst_LIBRARIES += librdb.a
librdb_a_SOURCES =
