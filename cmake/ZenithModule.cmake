# The module graph: one line a module, what it may link. Anything else stops the configure step.
# tests/layering checks the same table against every #include.
set(ZENITH_MAY_LINK_core     "")
set(ZENITH_MAY_LINK_kernels  core)
set(ZENITH_MAY_LINK_models   core kernels)
set(ZENITH_MAY_LINK_messages core)
set(ZENITH_MAY_LINK_actors   core messages)
set(ZENITH_MAY_LINK_gateway  core messages)
set(ZENITH_MAY_LINK_services core kernels models messages actors gateway)
set(ZENITH_MAY_LINK_tools    core kernels models messages actors gateway services)

# zenith_module(name [PUBLIC target…] [PRIVATE target…] [EXCLUDE regex…])
# Every .cpp below <module>/src belongs to the module, every header below <module>/include is public.
# Third parties are linked PRIVATE and their headers are SYSTEM.
function(zenith_module name)
  cmake_parse_arguments(M "" "" "PUBLIC;PRIVATE;EXCLUDE" ${ARGN})
  if(NOT DEFINED ZENITH_MAY_LINK_${name})
    message(FATAL_ERROR "zenith::${name} is not in the table of cmake/ZenithModule.cmake: add its allowed edges there")
  endif()
  foreach(dep IN LISTS M_PUBLIC M_PRIVATE)
    if(dep MATCHES "^zenith::(.+)$" AND NOT CMAKE_MATCH_1 IN_LIST ZENITH_MAY_LINK_${name})
      message(FATAL_ERROR "zenith::${name} may not depend on ${dep} (cmake/ZenithModule.cmake lists the allowed edges)")
    endif()
  endforeach()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/src/*.cpp)
  foreach(pattern IN LISTS M_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX ${pattern})
  endforeach()
  if(sources)
    add_library(zenith_${name} STATIC ${sources})
    target_include_directories(zenith_${name} PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
                                              PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
    target_link_libraries(zenith_${name} PUBLIC ${M_PUBLIC} PRIVATE ${M_PRIVATE})
  else()
    add_library(zenith_${name} INTERFACE)
    target_include_directories(zenith_${name} INTERFACE $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>)
    target_link_libraries(zenith_${name} INTERFACE ${M_PUBLIC})
  endif()
  add_library(zenith::${name} ALIAS zenith_${name})
  set_property(GLOBAL APPEND PROPERTY ZENITH_MODULES ${name})
endfunction()

# What a module links in the end, however it was said, against the table. Called once, after the last module.
function(zenith_check_links)
  get_property(modules GLOBAL PROPERTY ZENITH_MODULES)
  foreach(name IN LISTS modules)
    foreach(property LINK_LIBRARIES INTERFACE_LINK_LIBRARIES)
      get_target_property(libraries zenith_${name} ${property})
      foreach(library IN LISTS libraries)
        if(library MATCHES "^(\\$<LINK_ONLY:)?zenith(::|_)([a-z]+)>?$" AND NOT CMAKE_MATCH_3 IN_LIST ZENITH_MAY_LINK_${name})
          message(FATAL_ERROR "zenith::${name} may not depend on zenith::${CMAKE_MATCH_3} (cmake/ZenithModule.cmake lists the allowed edges)")
        endif()
      endforeach()
    endforeach()
  endforeach()
endfunction()

# zenith_test(name SOURCES … LINK …): one GoogleTest executable; every case is a ctest test.
# LABELS default to the folder's name. Tests may read ZENITH_SOURCE_DIR and ZENITH_TEST_DATA.
function(zenith_test name)
  cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 120)
  endif()
  get_filename_component(folder ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE ${T_LINK} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE ZENITH_SOURCE_DIR="${PROJECT_SOURCE_DIR}" ZENITH_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
  target_compile_options(${name} PRIVATE -Wno-conversion $<$<CONFIG:Release>:-O1>)   # compiled once, run once
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT ${T_TIMEOUT} LABELS "${folder};${T_LABELS}")
endfunction()

# zenith_python_test(name SCRIPT file.py [ARGS …] [LABELS …] [TIMEOUT s] [PROPERTIES …]): a Python script as one ctest test, run by .venv's
# interpreter (scripts/setup.sh makes it). It reads ZENITH_EXE (the executable), ZENITH_SOURCE_DIR and ZENITH_BUILD_DIR from its environment.
function(zenith_python_test name)
  cmake_parse_arguments(T "" "SCRIPT;TIMEOUT" "ARGS;LABELS;PROPERTIES" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 300)
  endif()
  get_filename_component(folder ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  add_test(NAME ${name} COMMAND ${ZENITH_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/${T_SCRIPT} ${T_ARGS})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${T_TIMEOUT} LABELS "${folder};${T_LABELS}" ${T_PROPERTIES}
    ENVIRONMENT "ZENITH_EXE=$<TARGET_FILE:zenith>;ZENITH_SOURCE_DIR=${PROJECT_SOURCE_DIR};ZENITH_BUILD_DIR=${PROJECT_BINARY_DIR}")
endfunction()
