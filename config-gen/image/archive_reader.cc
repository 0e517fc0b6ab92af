// SPDX-License-Identifier: Apache-2.0
// The only file that includes libarchive. Formats and filters are named one by one: no other parser is fed a
// stranger's bytes, and none runs a program.
#include "config-gen/image/archive_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <sys/stat.h>

#include "base/strings.h"

namespace krun::image {
namespace {

struct FreeArchive {
    void operator()(archive* a) const { ::archive_read_free(a); }
};

// libarchive converts names to the thread's locale. In one of UTF-8 they come as they are, whatever locale
// the program has; glibc has C.UTF-8 built in.
class Utf8Scope {
public:
    Utf8Scope() : before_(::uselocale(utf8())) {}
    Utf8Scope(Utf8Scope const&) = delete;
    Utf8Scope& operator=(Utf8Scope const&) = delete;
    ~Utf8Scope() { ::uselocale(before_); }

private:
    static locale_t utf8() {
        static locale_t const locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
        return locale;
    }
    locale_t before_;
};

std::string text_of(char const* text) {
    return text == nullptr ? std::string() : std::string(text);
}

EntryType type_of(archive_entry* entry) {
    if (::archive_entry_hardlink(entry) != nullptr) return EntryType::kHardLink;
    switch (::archive_entry_filetype(entry)) {
        case AE_IFDIR:
            return EntryType::kDirectory;
        case AE_IFLNK:
            return EntryType::kSymlink;
        case AE_IFIFO:
            return EntryType::kFifo;
        case AE_IFCHR:
        case AE_IFBLK:
            return EntryType::kDevice;
        case AE_IFSOCK:
            return EntryType::kSocket;
        default:
            return EntryType::kFile;
    }
}

std::string target_of(archive_entry* entry, EntryType type) {
    if (type == EntryType::kHardLink) return text_of(::archive_entry_hardlink(entry));
    return type == EntryType::kSymlink ? text_of(::archive_entry_symlink(entry)) : std::string();
}

std::vector<Xattr> xattrs_of(archive_entry* entry) {
    std::vector<Xattr> out;
    char const* name = nullptr;
    void const* value = nullptr;
    size_t len = 0;
    ::archive_entry_xattr_reset(entry);
    while (::archive_entry_xattr_next(entry, &name, &value, &len) == ARCHIVE_OK) {
        // Archives have them under two names, for two families of readers.
        std::erase_if(out, [&](Xattr const& earlier) { return earlier.name == name; });
        out.push_back({text_of(name), std::string(static_cast<char const*>(value), len)});
    }
    return out;
}

Error bad(std::string const& path, std::string const& what, Where where = Where::current()) {
    return Error(Errc::kInvalidConfig, quoted(path) + ": " + what, 0, where);
}

// (uid_t)-1 is "leave it" to chown(2), not an id.
Result<uint32_t> id_of(std::string const& path, int64_t id) {
    if (id < 0 || id >= UINT32_MAX) return fail(bad(path, "owner " + std::to_string(id) + " is no id"));
    return static_cast<uint32_t>(id);
}

// Only a file has content: readers of tar disagree on what follows anything else that says it has, and an
// entry would exist for some of them only.
Result<uint64_t> size_of(archive_entry* entry, std::string const& path, EntryType type) {
    int64_t const size = ::archive_entry_size(entry);
    if (size < 0) return fail(bad(path, "negative size"));
    if (type != EntryType::kFile && size != 0) return fail(bad(path, "content in what is no regular file"));
    return static_cast<uint64_t>(size);
}

timespec mtime_of(archive_entry* entry) {
    constexpr long kSecond = 1'000'000'000;
    long const ns = ::archive_entry_mtime_nsec(entry);
    return {::archive_entry_mtime(entry), ns >= 0 && ns < kSecond ? ns : 0};
}

Result<Entry> entry_of(archive_entry* entry) {
    Entry out;
    out.path = text_of(::archive_entry_pathname(entry));
    out.type = type_of(entry);
    out.target = target_of(entry, out.type);
    out.mode = ::archive_entry_perm(entry);
    out.uid = TRY(id_of(out.path, ::archive_entry_uid(entry)));
    out.gid = TRY(id_of(out.path, ::archive_entry_gid(entry)));
    out.size_bytes = TRY(size_of(entry, out.path, out.type));
    out.mtime = mtime_of(entry);
    out.xattrs = xattrs_of(entry);
    return out;
}

}  // namespace

struct ArchiveReader::State {
    explicit State(ByteSource& bytes) : source(bytes), reader(::archive_read_new()) {}

    static ssize_t read(archive* a, void* context, void const** out) {
        auto& state = *static_cast<State*>(context);
        auto next = state.source.next();
        if (!next.ok()) return state.refuse(a, std::move(next).error());
        *out = next.value().data();
        return static_cast<ssize_t>(next.value().size());
    }
    static int64_t skip(archive* a, void* context, int64_t bytes) {
        auto& state = *static_cast<State*>(context);
        auto done = state.source.skip(static_cast<uint64_t>(bytes));
        if (!done.ok()) return state.refuse(a, std::move(done).error());
        return static_cast<int64_t>(done.value());
    }
    int refuse(archive* a, Error error) {
        if (!failure) failure.emplace(std::move(error));
        ::archive_set_error(a, EIO, "the source failed");
        return ARCHIVE_FATAL;
    }

    ByteSource& source;
    std::unique_ptr<archive, FreeArchive> reader;
    std::optional<Error> failure;  // the source's own error, which says more than the library's
};

ArchiveReader::ArchiveReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ArchiveReader::ArchiveReader(ArchiveReader&&) noexcept = default;
ArchiveReader& ArchiveReader::operator=(ArchiveReader&&) noexcept = default;
ArchiveReader::~ArchiveReader() = default;

Error ArchiveReader::error() const {
    if (state_->failure) return *std::exchange(state_->failure, std::nullopt);
    // The library's texts may quote the archive, and for some ends that come too early it has none.
    auto const text = printable(text_of(::archive_error_string(state_->reader.get())));
    return Error(Errc::kInvalidConfig, text.empty() ? "truncated archive" : text);
}

Result<ArchiveReader> ArchiveReader::open(ByteSource& source, void (*support)(State&)) {
    ArchiveReader out(std::make_unique<State>(source));
    auto* const reader = out.state_->reader.get();
    if (reader == nullptr) return fail(Error(Errc::kSystem, "allocate an archive reader", ENOMEM));
    support(*out.state_);
    ::archive_read_set_skip_callback(reader, State::skip);
    if (::archive_read_open(reader, out.state_.get(), nullptr, State::read, nullptr) != ARCHIVE_OK)
        return fail(out.error());
    return out;
}

Result<ArchiveReader> ArchiveReader::open_tar(ByteSource& source) {
    return open(source, [](State& state) { ::archive_read_support_format_tar(state.reader.get()); });
}

Result<ArchiveReader> ArchiveReader::open_compressed(ByteSource& source) {
    auto out = TRY(open(source, [](State& state) {
        ::archive_read_support_filter_gzip(state.reader.get());
        ::archive_read_support_filter_xz(state.reader.get());
        ::archive_read_support_filter_zstd(state.reader.get());
        ::archive_read_support_format_raw(state.reader.get());
        ::archive_read_support_format_empty(state.reader.get());
    }));
    // One, and the source itself.
    if (::archive_filter_count(out.state_->reader.get()) > 2)
        return fail(Error(Errc::kInvalidConfig, "compressed more than once"));
    return out;
}

bool ArchiveReader::compressed() const {
    return ::archive_filter_count(state_->reader.get()) > 1;  // the source itself counts as one
}

Result<std::optional<Entry>> ArchiveReader::next_entry() {
    Utf8Scope const utf8;
    archive_entry* entry = nullptr;
    int const status = ::archive_read_next_header(state_->reader.get(), &entry);
    if (status == ARCHIVE_EOF) return std::optional<Entry>();
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return fail(error());
    auto out = TRY(entry_of(entry));
    // Of a name that is not UTF-8 it warns, and gives the bytes. It passes over nothing else that matters.
    if (status == ARCHIVE_WARN && is_utf8(out.path) && is_utf8(out.target))
        return fail(bad(out.path, error().message()));
    return std::optional(std::move(out));
}

Result<std::optional<Block>> ArchiveReader::next_block() {
    void const* bytes = nullptr;
    size_t len = 0;
    int64_t offset = 0;
    int const status = ::archive_read_data_block(state_->reader.get(), &bytes, &len, &offset);
    if (status == ARCHIVE_EOF) return std::optional<Block>();
    if (status != ARCHIVE_OK || offset < 0) return fail(error());
    return std::optional(Block{static_cast<uint64_t>(offset), {static_cast<std::byte const*>(bytes), len}});
}

Result<std::unique_ptr<DecompressedSource>> DecompressedSource::open(ByteSource& below) {
    auto reader = TRY(ArchiveReader::open_compressed(below));
    bool const empty = !TRY(reader.next_entry())
    .has_value();
    return std::unique_ptr<DecompressedSource>(new DecompressedSource(std::move(reader), empty));
}

Result<Bytes> DecompressedSource::next() {
    if (empty_) return Bytes();
    while (auto const block = TRY(reader_.next_block()))
        if (!block->bytes.empty()) return block->bytes;
    return Bytes();
}

}  // namespace krun::image
