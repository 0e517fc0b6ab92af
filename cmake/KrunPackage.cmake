# SPDX-License-Identifier: Apache-2.0
# Where the files go (cmake --install), and the Debian package (cpack; hack/package does both after the build).
include(GNUInstallDirs)

install(TARGETS krun-oci krun-config-gen RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS krun-oci-systemd RUNTIME DESTINATION lib/krun-oci)
install(DIRECTORY man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 FILES_MATCHING PATTERN *.1)
install(FILES packaging/completion/krun-oci DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES packaging/containers.conf.d/krun-oci.conf DESTINATION /etc/containers/containers.conf.d)
install(FILES packaging/containerd/config.toml packaging/crio/10-krun-oci.conf packaging/docker/daemon.json
              packaging/kubernetes/runtimeclass.yaml
        DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/krun-oci/examples)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/krun-oci RENAME copyright)
# Engines know the name already, from another program's handler.
install(CODE "
  file(CREATE_LINK krun-oci \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/krun\" SYMBOLIC)
  file(REAL_PATH \"${PROJECT_BINARY_DIR}/lib/krun-oci/vmlinux\" kernel)
  if(NOT EXISTS \"\${kernel}\")
    message(FATAL_ERROR \"no guest kernel: run hack/kernel/build and hack/build first\")
  endif()
  file(INSTALL DESTINATION \"\${CMAKE_INSTALL_PREFIX}/lib/krun-oci\" TYPE FILE FILES \"\${kernel}\")
")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME krun-oci)
set(CPACK_PACKAGE_CONTACT "The krun-oci developers <krun-oci@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "OCI runtime that runs each container in a virtual machine of its own")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "krun-oci has the command line of runc and runs every container in a KVM microVM:
 the machine monitor, the file server, the init of the guest and its kernel are in this package.
 Engines such as podman, containerd and CRI-O use it unmodified.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "podman | containerd | buildah")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/conffiles CONTENT "/etc/containers/containers.conf.d/krun-oci.conf\n")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_BINARY_DIR}/conffiles)
include(CPack)
