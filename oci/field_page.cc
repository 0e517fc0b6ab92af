// SPDX-License-Identifier: Apache-2.0
// docs/oci-fields.md, printed from the rows.
#include "oci/annotations.h"
#include "oci/effect_name.h"
#include "oci/features.h"
#include "oci/fields.h"

namespace krun::oci {
namespace {

class PageRows : public FieldVisitor {
public:
    void field(std::string const& path, std::string_view type, Effect effect, Presence presence,
               std::string_view note) override {
        text_ += "| `" + path + "` | " + std::string(type) + (presence == kRequired ? ", required" : "") +
                 " | " + std::string(effect_name(effect)) + " | " + std::string(note) + " |\n";
    }
    std::string take() && { return std::move(text_); }

private:
    std::string text_;
};

constexpr std::string_view kHead =
    "# Fields of config.json\n\n"
    "Every field of the [runtime specification](https://github.com/opencontainers/runtime-spec) for Linux "
    "and\n"
    "for virtual machines, and where krun-oci carries it out. This page is printed from the tables in\n"
    "`oci/fields_*.cc`; a test keeps it true.\n\n"
    "- **host**: by the container process on the host (machine monitor, file server, cgroup).\n"
    "- **guest**: by init inside the virtual machine, on the payload.\n"
    "- **ignored**: accepted without effect.\n"
    "- **refused**: an error, unless it is absent, `null` or empty.\n\n"
    "Fields that are not listed are accepted and ignored, as the specification asks for.\n\n"
    "| field | type | effect | why |\n|---|---|---|---|\n";

constexpr std::string_view kAnnotationHead =
    "\n## Annotations\n\n"
    "A value that does not fit is an error that names the key, and so is any other key in `krun-oci.`. All\n"
    "other annotations are accepted and only stored.\n\n"
    "| annotation | value | meaning |\n|---|---|---|\n";

}  // namespace

std::string field_page() {
    PageRows rows;
    visit_fields<Spec>("", rows);
    std::string page = std::string(kHead) + std::move(rows).take() + std::string(kAnnotationHead);
    for (auto const& help : annotation_help())
        page += "| `" + std::string(help.key) + "` | " + std::string(help.value) + " | " +
                std::string(help.meaning) + " |\n";
    return page;
}

}  // namespace krun::oci
