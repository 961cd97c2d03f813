# What `cmake --install` lays down: the executable, and zenith-core (headers, static library, pkg-config file), the vocabulary that
# programs beside Zenith share with it: errors, ids, configuration. The sensor SDK joins it with the first plugin.
include(GNUInstallDirs)
install(TARGETS zenith RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(ZENITH_MEDIA)
  # With what it loads by name: the readers of ONNX and of compiled graphs, and the CPU's plugin.
  install(TARGETS zenith-media RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  file(GLOB ZENITH_OPENVINO_LIBRARIES ${ZENITH_OPENVINO_DIR}/libs/libopenvino.so.* ${ZENITH_OPENVINO_DIR}/libs/libopenvino_onnx_frontend.so.*
       ${ZENITH_OPENVINO_DIR}/libs/libopenvino_ir_frontend.so.* ${ZENITH_OPENVINO_DIR}/libs/libopenvino_intel_cpu_plugin.so
       ${ZENITH_OPENVINO_DIR}/libs/libtbb.so.* ${ZENITH_OPENVINO_DIR}/libs/libhwloc.so.* ${ZENITH_OPENVINO_DIR}/libs/libtbbbind*)
  install(FILES ${ZENITH_OPENVINO_LIBRARIES} DESTINATION lib/zenith)
endif()
install(TARGETS zenith_core ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY core/include/zenith DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/zenith)
file(RELATIVE_PATH ZENITH_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_CURRENT_LIST_DIR}/zenith-core.pc.in ${CMAKE_CURRENT_BINARY_DIR}/zenith-core.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/zenith-core.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
