# What `cmake --install` lays down: the executable, and zenith-core (headers, static library, pkg-config file), the vocabulary that
# programs beside Zenith share with it: errors, ids, configuration. The sensor SDK joins it with the first plugin.
include(GNUInstallDirs)
install(TARGETS zenith RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS zenith_core ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY core/include/zenith DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/zenith)
file(RELATIVE_PATH ZENITH_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_CURRENT_LIST_DIR}/zenith-core.pc.in ${CMAKE_CURRENT_BINARY_DIR}/zenith-core.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/zenith-core.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
