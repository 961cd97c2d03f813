# What a build may choose. Presets set these; nothing else does.
option(ZENITH_TESTS "build the tests" ON)
option(ZENITH_BENCH "build the benchmarks" OFF)
option(ZENITH_MEDIA "build zenith-media, which speaks (OpenVINO, flite); without it zenith refuses voice services by name" ON)
option(ZENITH_FUZZ "build the libFuzzer targets (clang)" OFF)
set(ZENITH_SANITIZE "" CACHE STRING "sanitizers for every target: address,undefined or thread")

set(ZENITH_PYTHON ${PROJECT_SOURCE_DIR}/.venv/bin/python3 CACHE FILEPATH "the interpreter that has the wheels of scripts/requirements.txt")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# x86-64-v2 is the baseline; kernels for higher targets choose theirs file by file and are dispatched at run time.
add_compile_options(-march=x86-64-v2 -fvisibility=hidden -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                    -Wno-missing-field-initializers)
# Sums must not depend on what the compiler contracts: kernels say fma where they mean it.
add_compile_options(-ffp-contract=off)

if(ZENITH_SANITIZE)
  add_compile_options(-fsanitize=${ZENITH_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ZENITH_SANITIZE})
endif()
if(ZENITH_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
  set(ZENITH_TESTS OFF)
endif()
