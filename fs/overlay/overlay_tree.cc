// SPDX-License-Identifier: Apache-2.0
// Building an overlay's tree, before anything is served.
#include <dirent.h>
#include <sys/stat.h>

#include <climits>

#include "fs/overlay/overlay_fs.h"

namespace krun::fs {

OverlayFs::OverlayFs(std::unique_ptr<FileSystem> inner, NodeIds& ids)
    : inner_(std::move(inner)), virtual_(std::make_unique<VirtualFs>(ids)) {
    route(*inner_);
    route(*virtual_);
}

OverlayFs::~OverlayFs() = default;

void OverlayFs::route(FileSystem& fs) {
    std::vector<uint16_t> prefixes;
    fs.list_prefixes(prefixes);
    for (auto const prefix : prefixes) {
        if (prefix >= by_prefix_.size()) by_prefix_.resize(prefix + size_t{1});
        by_prefix_[prefix] = &fs;
    }
}

static Error refused(std::string_view path, char const* why, int error) {
    return Error(Errc::kInvalidConfig, "virtual path \"" + std::string(path) + "\": " + why, error);
}

static Result<void> check_component(std::string_view path, std::string_view name) {
    if (name.empty() || name == "." || name == "..")
        return fail(refused(path, "a component is empty, \".\" or \"..\"", EINVAL));
    if (name.find('\0') != name.npos) return fail(refused(path, "a component contains NUL", EINVAL));
    if (name.size() > NAME_MAX) return fail(refused(path, "a component is longer than 255", ENAMETOOLONG));
    return {};
}

// A path that can never be right is told so before anything is looked up.
static Result<void> check_path(std::string_view path, std::string_view rest) {
    while (true) {
        auto const slash = rest.find('/');
        TRY(check_component(path, rest.substr(0, slash)));
        if (slash == rest.npos) return {};
        rest.remove_prefix(slash + 1);
    }
}

Result<NodeId> OverlayFs::step(std::string_view path, NodeId parent, std::string_view name) {
    if (auto const* found = child(parent, name)) {
        if (found->type != DT_DIR) return fail(refused(path, "a parent is a file", ENOTDIR));
        return found->node;
    }
    auto const found = ForwardingFs::lookup(parent, name);
    int const error = !found.ok() ? found.error().value : found.value().node == kNoNode ? ENOENT : 0;
    if (error != 0) return fail(refused(path, "a parent cannot be entered", error));
    auto const node = found.value().node;
    // The tree below refers to this directory from now on. Its lookup reference was nobody's.
    keep(node);
    forget(node, 1);
    // A symbolic link is not followed: it belongs to the image.
    if (!S_ISDIR(found.value().attr.mode)) return fail(refused(path, "a parent is a file", ENOTDIR));
    return node;
}

Result<OverlayFs::Place> OverlayFs::place(std::string_view path) {
    auto rest = path;
    if (rest.starts_with('/')) rest.remove_prefix(1);
    TRY(check_path(path, rest));
    auto parent = root();
    while (true) {
        auto const slash = rest.find('/');
        auto const name = rest.substr(0, slash);
        if (slash == rest.npos) {
            auto const siblings = children_.find(parent);
            if (siblings != children_.end() && siblings->second.contains(name))
                return fail(refused(path, "the name is taken", EEXIST));
            return Place{parent, name};
        }
        parent = TRY(step(path, parent, name));
        rest.remove_prefix(slash + 1);
    }
}

void OverlayFs::insert(Place const& place, Child const& child) {
    children_[place.parent].emplace(place.name, child);
    if (!virtual_->owns(place.parent)) has_real_parents_ = true;
}

Result<void> OverlayFs::add_virtual(std::string_view path, VirtualNode node) {
    auto const place = TRY(this->place(path));
    bool const listed = node.lifetime == Lifetime::kPersistent;
    uint32_t const type = IFTODT(node.type());
    insert(place, Child{virtual_->add(std::move(node)), type, listed, nullptr, Joint::kSeamless});
    return {};
}

Result<void> OverlayFs::add_file(std::string_view path, uint32_t mode, Content content, Lifetime lifetime,
                                 Owner owner) {
    return add_virtual(path, {mode, std::move(content), lifetime, owner});
}

Result<void> OverlayFs::add_generated_file(std::string_view path, uint32_t mode, Generator generate,
                                           Owner owner) {
    return add_virtual(path, {mode, std::move(generate), Lifetime::kPersistent, owner});
}

Result<void> OverlayFs::add_writable_file(std::string_view path, uint32_t mode, Exchange exchange,
                                          Owner owner) {
    return add_virtual(path, {mode, std::move(exchange), Lifetime::kPersistent, owner});
}

Result<void> OverlayFs::add_dir(std::string_view path, uint32_t mode, Owner owner) {
    return add_virtual(path, {mode, std::monostate{}, Lifetime::kPersistent, owner});
}

Result<void> OverlayFs::add_device(std::string_view path, uint32_t mode, Device device, Owner owner) {
    return add_virtual(path, {mode, device, Lifetime::kPersistent, owner});
}

Result<void> OverlayFs::add_graft(std::string_view path, std::unique_ptr<FileSystem> graft, Joint joint) {
    auto const place = TRY(this->place(path));
    auto const attributes = graft->getattr(graft->root(), std::nullopt);
    if (!attributes.ok()) return fail(refused(path, "the graft has no root", attributes.error().value));
    uint32_t const type = IFTODT(attributes.value().attr.mode);
    insert(place, Child{graft->root(), type, true, graft.get(), joint});
    if (joint == Joint::kSeamless) seamless_.push_back(graft.get());
    route(*graft);
    grafts_.push_back(std::move(graft));
    return {};
}

}  // namespace krun::fs
