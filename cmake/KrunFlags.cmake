# SPDX-License-Identifier: Apache-2.0
# Compiler flags that every target shares. Exceptions are off: failures are Result<T> (base/result.h).
add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Werror)
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>)
add_compile_definitions(_FILE_OFFSET_BITS=64 _GNU_SOURCE)
# Lines for a trace, and no more: what a debugger would like to know of every variable costs a third of the time to
# compile. A build with CMAKE_BUILD_TYPE=Debug has it all.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")
include_directories(${PROJECT_SOURCE_DIR})
# Diagnostics name files relative to the source tree, whatever directory it was built in.
add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wthread-safety>)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports false maybe-uninitialized for std::variant and std::optional members at -O2.
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-maybe-uninitialized>)
endif()
if(KRUN_SANITIZE)
  add_compile_options(-fsanitize=${KRUN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${KRUN_SANITIZE})
  set(KRUN_STATIC OFF)
endif()
if(KRUN_COVERAGE)
  # Atomic: the device's threads count as well.
  add_compile_options(--coverage -fprofile-update=atomic)
  add_link_options(--coverage)
endif()
if(KRUN_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
find_package(Threads REQUIRED)

# From here on in this folder: programs that run where no sanitizer's library is, nor anybody who reads counters of
# coverage or of a fuzzer, whatever the rest is built with. krun_end_plain_programs() takes it back.
macro(krun_plain_programs)
  foreach(property COMPILE_OPTIONS LINK_OPTIONS)
    get_directory_property(krun_saved_${property} ${property})
    set(krun_options ${krun_saved_${property}})
    list(FILTER krun_options EXCLUDE REGEX "sanitize|coverage|profile")
    set_directory_properties(PROPERTIES ${property} "${krun_options}")
  endforeach()
endmacro()
macro(krun_end_plain_programs)
  foreach(property COMPILE_OPTIONS LINK_OPTIONS)
    set_directory_properties(PROPERTIES ${property} "${krun_saved_${property}}")
  endforeach()
endmacro()
