confdir = $(sysconfdir)/facteur
dist_conf_DATA = %reldir%/facteur.conf
