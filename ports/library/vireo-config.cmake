# SPDX-License-Identifier: BSD-2-Clause
# find_package(vireo) gives the target vireo::vireo. Everything is found from this file's place: PREFIX/lib/cmake/vireo.
get_filename_component(_vireo_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET vireo::vireo)
	add_library(vireo::vireo STATIC IMPORTED)
	set_target_properties(vireo::vireo PROPERTIES
		IMPORTED_LOCATION "${_vireo_prefix}/lib/libvireo.a"
		INTERFACE_INCLUDE_DIRECTORIES "${_vireo_prefix}/include/vireo")
endif()
unset(_vireo_prefix)
