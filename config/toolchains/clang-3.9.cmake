# The talk's clang 3.9, unpacked in /opt/clang-3.9 on the board: it builds natively, so no CMAKE_SYSTEM_NAME here.
set(CMAKE_C_COMPILER /opt/clang-3.9/bin/clang)
set(CMAKE_CXX_COMPILER /opt/clang-3.9/bin/clang++)

# Use its own archiver and index writer where the release has them: they read its bitcode as well as ELF.
foreach(tool AR RANLIB NM)
  string(TOLOWER ${tool} name)
  if(EXISTS /opt/clang-3.9/bin/llvm-${name})
    set(CMAKE_${tool} /opt/clang-3.9/bin/llvm-${name} CACHE FILEPATH "llvm-${name} of the compiler's release")
  endif()
endforeach()
