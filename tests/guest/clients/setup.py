# SPDX-License-Identifier: Apache-2.0
"""How each client is told of the runtime: the page shows these lines, and scenarios use them."""

kInstalled = "/usr/bin/krun-oci"

# client: (file or place, what stands there)
kSetup = {
    "podman": ("/etc/containers/containers.conf", """\
[engine]
runtime = "krun-oci"
runtime_supports_json = ["crun", "runc", "krun-oci"]
[engine.runtimes]
krun-oci = ["/usr/bin/krun-oci"]
"""),
    "buildah": ("the environment", """\
export BUILDAH_ISOLATION=oci
export BUILDAH_RUNTIME=/usr/bin/krun-oci
"""),
    "containerd": ("/etc/containerd/config.toml", """\
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes]
  runc.runtime_type = "io.containerd.runc.v2" # the default, which has to be named as well
  krun-oci.runtime_type = "io.containerd.runc.v2"
  krun-oci.options.BinaryName = "/usr/bin/krun-oci"
# without CRI: ctr run --runc-binary /usr/bin/krun-oci IMAGE ID
"""),
    "CRI-O": ("/etc/crio/crio.conf.d/10-krun-oci.conf", """\
[crio.runtime.runtimes.krun-oci]
runtime_path = "/usr/bin/krun-oci"
runtime_type = "oci"
runtime_root = "/run/krun-oci"
"""),
}


def lines_for(client, runtime):
    """The same lines for a runtime that is elsewhere."""
    return kSetup[client][1].replace(kInstalled, runtime)
