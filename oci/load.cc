// SPDX-License-Identifier: Apache-2.0
#include "oci/load.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "oci/fields.h"
#include "oci/validate.h"

namespace krun::oci {
namespace {

template <class T>
Result<T> parse_object(std::string_view text) {
    auto const json = TRY(Json::parse(text, kMaxConfigBytes));
    return read_object<T>("", json);
}

}  // namespace

Result<Spec> parse_spec(std::string_view text) {
    auto spec = TRY(parse_object<Spec>(text));
    TRY(validate(spec));
    return spec;
}

Result<Process> parse_process(std::string_view text) {
    auto process = TRY(parse_object<Process>(text));
    TRY(validate_process(process, ""));
    return process;
}

Result<Resources> parse_resources(std::string_view text) {
    auto resources = TRY(parse_object<Resources>(text));
    TRY(validate_resources(resources, ""));
    return resources;
}

// O_NONBLOCK: opening a FIFO must not wait for a writer.
Result<std::string> read_config(BorrowedFd bundle) {
    auto const file = TRY(open_at(bundle, "config.json", O_RDONLY | O_NONBLOCK | O_NOCTTY));
    struct stat info {};
    if (::fstat(file.borrow().raw(), &info) < 0) return fail(Error::sys("look at config.json"));
    if (!S_ISREG(info.st_mode))
        return fail(Error(Errc::kInvalidConfig, "config.json: must be a regular file"));
    return TRY_WITH(read_file(file.borrow(), kMaxConfigBytes), "config.json");
}

Result<Spec> parse_config(std::string_view text) {
    return TRY_WITH(parse_spec(text), "config.json");
}

Result<Spec> load_bundle(BorrowedFd bundle) {
    auto const text = TRY(read_config(bundle));
    return parse_config(text);
}

}  // namespace krun::oci
