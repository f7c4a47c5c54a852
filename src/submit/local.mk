noinst_LIBRARIES += libsubmit.a
libsubmit_a_SOURCES =
