# SPDX-License-Identifier: Apache-2.0
# krun_add_test(NAME base_test SOURCES a_test.cc … LIBS krun_base …)
#   A GoogleTest executable; each of its tests is one ctest entry.
# krun_add_fuzzer(NAME chain SOURCES chain_fuzz.cc LIBS krun_vmm)
#   With KRUN_FUZZ a libFuzzer target <NAME>_fuzz; otherwise a replay of tests/fuzz/corpus/<NAME>/ as a test.
include(GoogleTest)

function(krun_add_test)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;LIBS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_LIBS} GTest::gmock GTest::gtest GTest::gtest_main
                                            Threads::Threads)
  target_compile_definitions(${ARG_NAME} PRIVATE KRUN_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  # Discovered when ctest runs: building never runs anything.
  gtest_discover_tests(${ARG_NAME} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 120)
endfunction()

function(krun_add_fuzzer)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;LIBS" ${ARGN})
  add_executable(${ARG_NAME}_fuzz ${ARG_SOURCES})
  target_link_libraries(${ARG_NAME}_fuzz PRIVATE ${ARG_LIBS} Threads::Threads)
  if(KRUN_FUZZ)
    target_link_options(${ARG_NAME}_fuzz PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${ARG_NAME}_fuzz PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.cc)
    add_test(NAME corpus.${ARG_NAME}
             COMMAND ${ARG_NAME}_fuzz ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${ARG_NAME})
    set_tests_properties(corpus.${ARG_NAME} PROPERTIES TIMEOUT 120)
  endif()
endfunction()
