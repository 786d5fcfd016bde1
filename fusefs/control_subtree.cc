#include "fusefs/control_subtree.h"

#include "fusefs/filesystem.h"

namespace kvfs {
namespace {

Error refused() { return {Errc::not_permitted, ".kvfs holds the files that kvfs makes and no others"}; }

}  // namespace

Result<void> ControlSubtree::list(const ControlPlace&, std::string_view, const Sink&) { return {}; }
Result<std::unique_ptr<ControlHandle>> ControlSubtree::create(const ControlPlace&, mode_t, int, Caller) {
  return refused();
}
Result<void> ControlSubtree::make_directory(const ControlPlace&, mode_t, Caller) { return refused(); }
Result<void> ControlSubtree::make_special(const ControlPlace&, const NewNode&) { return refused(); }
Result<void> ControlSubtree::unlink(const ControlPlace&) { return refused(); }
Result<void> ControlSubtree::remove_directory(const ControlPlace&) { return refused(); }
Result<bool> ControlSubtree::rename(const ControlPlace&, const ControlPlace&, bool) { return refused(); }
Result<void> ControlSubtree::move_out(const ControlPlace&, const Slot&, bool, const WriteOptions&) {
  return Errc::cross_tenant;  // as between file systems: mv(1) copies
}
Result<void> ControlSubtree::set_attributes(const ControlPlace&, const AttributeRequest&) { return {}; }
Result<std::string> ControlSubtree::get_xattr(const ControlPlace&, std::string_view) { return Errc::no_attribute; }
Result<std::string> ControlSubtree::xattrs(const ControlPlace&) { return std::string(); }
Result<void> ControlSubtree::set_xattr(const ControlPlace&, std::string_view, std::string_view, int) {
  return refused();
}
Result<void> ControlSubtree::remove_xattr(const ControlPlace&, std::string_view) { return Errc::not_permitted; }
Result<std::string> ControlSubtree::read_symlink(const ControlPlace&) { return Errc::invalid; }

}  // namespace kvfs
