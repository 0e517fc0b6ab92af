// SPDX-License-Identifier: Apache-2.0
#include "config-gen/image/bundle_spec.h"

#include <fcntl.h>

#include <algorithm>

#include "base/fd.h"
#include "base/strings.h"
#include "config-gen/image/beneath.h"
#include "config-gen/image/file_source.h"
#include "config-gen/user_names.h"
#include "oci/default_spec.h"
#include "oci/validate.h"

namespace krun::image {
namespace {

constexpr size_t kMaxEtcFileBytes = size_t{4} * 1024 * 1024;

// What engines give by default: images are made for these, and the kernel that they are rights of is the
// guest's.
constexpr char const* kCapabilities[] = {"CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FOWNER",    "CAP_FSETID",
                                         "CAP_KILL",    "CAP_NET_BIND_SERVICE", "CAP_SETFCAP",   "CAP_SETGID",
                                         "CAP_SETPCAP", "CAP_SETUID",           "CAP_SYS_CHROOT"};

// As annotations these would be instructions: to this runtime, or to others that may run the bundle.
constexpr std::string_view kInstructions[] = {"krun.", "krun-oci.", "run.oci.", "org.systemd.property."};

// A file that is missing, no regular one or too long is as if empty; the image may have put anything there.
std::string read_etc(BorrowedFd rootfs, std::string const& name) {
    auto const file = open_in_root(rootfs, "etc/" + name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!file.ok() || !expect_regular_file(file.value().borrow()).ok()) return {};
    auto text = read_file(file.value().borrow(), kMaxEtcFileBytes);
    return text.ok() ? std::move(text).value() : std::string();
}

// config.md#properties, "User": user, uid, user:group, uid:gid, uid:group or user:gid.
Result<guest::User> user_of(std::string const& text, BorrowedFd rootfs) {
    auto const colon = text.find(':');
    guest::User wanted;
    wanted.name = text.substr(0, colon);
    if (wanted.name.empty()) wanted.name = "0";
    if (colon != text.npos) wanted.group_name = text.substr(colon + 1);
    return look_up_user(std::move(wanted), read_etc(rootfs, "passwd"), read_etc(rootfs, "group"));
}

void set_capabilities(oci::Process& process) {
    std::vector<std::string> const all(std::begin(kCapabilities), std::end(kCapabilities));
    bool const root = process.user.uid == 0;
    process.capabilities = oci::Capabilities{};
    process.capabilities->bounding = all;  // what a set-uid program of the image may get
    if (root) process.capabilities->effective = process.capabilities->permitted = all;
    process.no_new_privileges = false;
}

// Entrypoint, and behind it the caller's words or else Cmd.
std::vector<std::string> arguments_of(ImageDefaults const& image, BundleWishes const& wishes) {
    auto out = image.entrypoint;
    auto const& rest = wishes.arguments.empty() ? image.cmd : wishes.arguments;
    out.insert(out.end(), rest.begin(), rest.end());
    return out;
}

// A PATH, and of a terminal its TERM, unless the image has its own.
void set_environment(oci::Process& process, std::vector<std::string> const& env) {
    auto const defaults = std::exchange(process.env, env);
    for (auto const& one : defaults) {
        auto const name = one.substr(0, one.find('=') + 1);
        bool const given =
            std::any_of(env.begin(), env.end(), [&](std::string const& e) { return e.starts_with(name); });
        if (!given && (name == "PATH=" || process.terminal)) process.env.push_back(one);
    }
}

bool instructs(std::string_view key) {
    return std::any_of(std::begin(kInstructions), std::end(kInstructions),
                       [&](std::string_view prefix) { return key.starts_with(prefix); });
}

void annotate(oci::Spec& spec, std::string const& key, std::string const& value) {
    if (!value.empty()) spec.annotations["org.opencontainers.image." + key] = value;
}

std::string ports_of(ImageDefaults const& image) {
    std::vector<std::string> ports;
    for (auto const& [port, nothing] : image.exposed_ports) ports.push_back(port);
    return join(ports, ",");
}

// conversion.md#annotation-fields. A label wins over what is derived.
void set_annotations(oci::Spec& spec, ImageConfig const& image, Warnings& warnings) {
    annotate(spec, "os", image.os);
    annotate(spec, "architecture", image.architecture);
    annotate(spec, "variant", image.variant);
    annotate(spec, "os.version", image.os_version);
    annotate(spec, "author", image.author);
    annotate(spec, "created", image.created);
    annotate(spec, "stopSignal", image.config.stop_signal);
    annotate(spec, "exposedPorts", ports_of(image.config));
    for (auto const& [key, value] : image.config.labels) {
        if (instructs(key) || key.empty())
            warnings.add(Omission::kAnnotation, key);
        else
            spec.annotations[key] = value;
    }
}

}  // namespace

Result<oci::Spec> bundle_spec(std::optional<ImageConfig> const& image, BundleWishes const& wishes,
                              BorrowedFd rootfs, Warnings& warnings) {
    oci::Spec spec = oci::default_spec();
    spec.root.readonly = false;
    ImageDefaults const defaults = image ? image->config : ImageDefaults{};
    auto& process = *spec.process;
    process.terminal = wishes.terminal;
    auto const user = TRY_WITH(user_of(defaults.user, rootfs), "User " + quoted(defaults.user));
    process.user.uid = user.uid;
    process.user.gid = user.gid;
    process.user.additional_gids = user.additional_gids;
    set_capabilities(process);
    if (auto arguments = arguments_of(defaults, wishes); !arguments.empty())
        process.args = std::move(arguments);
    set_environment(process, defaults.env);
    process.cwd = (defaults.working_dir.starts_with('/') ? "" : "/") + defaults.working_dir;
    if (image) set_annotations(spec, *image, warnings);
    TRY(oci::validate(spec));
    return spec;
}

}  // namespace krun::image
