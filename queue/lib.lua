#!lua name=facteur1
