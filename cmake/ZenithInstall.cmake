# What `cmake --install` lays down: the executable, and zenith-core (headers, static library, pkg-config file), the vocabulary that
# programs beside Zenith share with it: errors, ids, configuration; and the sensor SDK (one header, its pkg-config file) with the plugins.
include(GNUInstallDirs)
install(TARGETS zenith zenith-sensor-host RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
get_property(ZENITH_SENSOR_PLUGINS GLOBAL PROPERTY ZENITH_SENSOR_PLUGINS)
install(TARGETS ${ZENITH_SENSOR_PLUGINS} LIBRARY DESTINATION lib/zenith/plugins)
install(FILES sensors/sdk/include/zenith_sensor.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
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
configure_file(${CMAKE_CURRENT_LIST_DIR}/zenith-sensor.pc.in ${CMAKE_CURRENT_BINARY_DIR}/zenith-sensor.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/zenith-core.pc ${CMAKE_CURRENT_BINARY_DIR}/zenith-sensor.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
