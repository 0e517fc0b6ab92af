# SPDX-License-Identifier: Apache-2.0
# krun_add_test(NAME base_test SOURCES a_test.cc … LIBS krun_base … [TIMEOUT seconds])
#   A GoogleTest executable; each of its tests is one ctest entry, which may take TIMEOUT seconds, else 120.
# krun_add_fuzzer(NAME chain SOURCES chain_fuzz.cc LIBS krun_vmm)
#   With KRUN_FUZZ a libFuzzer target <NAME>_fuzz; otherwise a replay of tests/fuzz/corpus/<NAME>/ as a test.
include(GoogleTest)

# GoogleTest's headers are two seconds of each test's compilation; read once, they are next to nothing.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/tests/precompiled.cc CONTENT "// Nothing but its headers.\n")
add_library(krun_test_headers OBJECT EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/tests/precompiled.cc)
target_precompile_headers(krun_test_headers PRIVATE <gmock/gmock.h> <gtest/gtest.h> <functional> <map> <memory>
                                                    <optional> <span> <string> <vector>)
target_link_libraries(krun_test_headers PRIVATE GTest::gmock GTest::gtest Threads::Threads)

function(krun_add_test)
  cmake_parse_arguments(ARG "" "NAME;TIMEOUT;LABEL" "SOURCES;LIBS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_LIBS} GTest::gmock GTest::gtest GTest::gtest_main
                                            Threads::Threads)
  target_precompile_headers(${ARG_NAME} REUSE_FROM krun_test_headers)
  # With a precompiled header GCC 12 forgets which code is the library's own, and warns of it.
  target_compile_options(${ARG_NAME} PRIVATE "$<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds;-Wno-stringop-overflow;-Wno-stringop-overread;-Wno-restrict>")
  target_compile_definitions(${ARG_NAME} PRIVATE KRUN_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  # Discovered when ctest runs: building never runs anything.
  gtest_discover_tests(${ARG_NAME} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
                       PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABEL}")
endfunction()

function(krun_add_fuzzer)
  cmake_parse_arguments(ARG "RACES" "NAME" "SOURCES;LIBS" ${ARGN})
  add_executable(${ARG_NAME}_fuzz ${ARG_SOURCES})
  target_link_libraries(${ARG_NAME}_fuzz PRIVATE ${ARG_LIBS} Threads::Threads)
  if(KRUN_FUZZ)
    target_link_options(${ARG_NAME}_fuzz PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${ARG_NAME}_fuzz PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.cc)
    if(ARG_RACES AND KRUN_SANITIZE MATCHES "thread")
      add_test(NAME corpus.${ARG_NAME} COMMAND ${CMAKE_COMMAND} -E echo "skipped: it races with itself on purpose")
      set_tests_properties(corpus.${ARG_NAME} PROPERTIES SKIP_REGULAR_EXPRESSION "skipped:")
      return()
    endif()
    add_test(NAME corpus.${ARG_NAME}
             COMMAND ${ARG_NAME}_fuzz ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${ARG_NAME})
    set_tests_properties(corpus.${ARG_NAME} PROPERTIES TIMEOUT 120)
  endif()
endfunction()
