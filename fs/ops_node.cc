// SPDX-License-Identifier: Apache-2.0
// Ops on one node: what it is, and how long it is remembered.
#include "fs/op_table.h"

namespace krun::fs {

FsResult<void> op_lookup(Call& call) {
    auto const name = TRY(call.in.take_name());
    return call.out.put_entry(TRY(call.fs.lookup(call.node(), name)));
}

FsResult<void> op_forget(Call& call) {
    auto const in = TRY(call.in.take<abi::ForgetIn>());
    call.fs.forget(call.node(), in.nlookup);
    return {};
}

// The count is only a bound: the list ends with the request.
FsResult<void> op_batch_forget(Call& call) {
    auto const in = TRY(call.in.take<abi::BatchForgetIn>());
    for (uint32_t i = 0; i < in.count; ++i) {
        auto const one = TRY(call.in.take<abi::ForgetOne>());
        call.fs.forget(call.node(one.nodeid), one.nlookup);
    }
    return {};
}

FsResult<void> op_getattr(Call& call) {
    auto const in = TRY(call.in.take<abi::GetattrIn>());
    std::optional<Handle> handle;
    if ((in.getattr_flags & abi::kGetattrHandle) != 0) handle = Handle{in.fh};
    return call.out.put_attributes(TRY(call.fs.getattr(call.node(), handle)));
}

// Linux asks for it instead of GETATTR when somebody wants to know when a file was made.
FsResult<void> op_statx(Call& call) {
    auto const in = TRY(call.in.take<abi::StatxIn>());
    std::optional<Handle> handle;
    if ((in.getattr_flags & abi::kGetattrHandle) != 0) handle = Handle{in.fh};
    return call.out.put_statx(TRY(call.fs.getattr(call.node(), handle)));
}

FsResult<void> op_setattr(Call& call) {
    auto const in = TRY(call.in.take<abi::SetattrIn>());
    SetAttr set{in, std::nullopt};
    if ((set.in.valid & abi::kSetHandle) != 0) set.handle = Handle{set.in.fh};
    return call.out.put_attributes(TRY(call.fs.setattr(call.node(), set)));
}

FsResult<void> op_readlink(Call& call) {
    auto const target = TRY(call.fs.readlink(call.node()));
    return call.out.put_bytes(std::as_bytes(std::span(target)));
}

FsResult<void> op_statfs(Call& call) {
    return call.out.put(TRY(call.fs.statfs(call.node())));
}

FsResult<void> op_syncfs(Call& call) {
    return call.fs.syncfs(call.node());
}

}  // namespace krun::fs
