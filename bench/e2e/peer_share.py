# SPDX-License-Identifier: Apache-2.0
"""What krun-oci shows the guest of a bundle, as a directory for another file server: the same init, the same instructions, the
same files."""
import shutil
import subprocess


def instruct(share, bundle, config_gen):
    """Has a share do what the bundle's config.json says now."""
    config = subprocess.run([config_gen, "--compact", bundle], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    (share / ".krun_config.json").write_bytes(config)


def make_share(share, bundle, config_gen, init):
    for name in ("proc", "sys", "dev", "run", "binds"):
        (share / name).mkdir(parents=True)
    instruct(share, bundle, config_gen)
    shutil.copyfile(init, share / "init.krun")
    (share / "init.krun").chmod(0o755)
    subprocess.run(["cp", "-a", bundle / "rootfs", share / "rootfs"], check=True)
