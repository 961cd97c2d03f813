# What `cmake --install` lays down.
include(GNUInstallDirs)
