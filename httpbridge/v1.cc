// The canonical API's table.
#include "httpbridge/v1.h"

#include "httpbridge/channels.h"
#include "httpbridge/router.h"

namespace kvfs::http {

std::span<const Route> v1_routes() {
  using enum Method;
  using Op = Operation;
  constexpr auto kProblem = ErrorStyle::problem;
  static constexpr Route kRoutes[] = {
      {get, "/v1/{collection}/{key}", v1_get, Op::read, Access::read, BodyUse::none, kProblem},
      {put, "/v1/{collection}/{key}", v1_put, Op::write, Access::write, BodyUse::value, kProblem, v1_check},
      {del, "/v1/{collection}/{key}", v1_delete, Op::erase, Access::write, BodyUse::none, kProblem},
      {patch, "/v1/{collection}/{key}", v1_patch, Op::patch, Access::write, BodyUse::memory, kProblem, v1_check},
      {post, "/v1/{collection}/{key}", v1_post, Op::patch, Access::write, BodyUse::none, kProblem},
      {get, "/v1/{collection}", v1_list, Op::scan, Access::read, BodyUse::none, kProblem},
      {post, "/v1/{collection}", v1_batch, Op::batch, Access::write, BodyUse::memory, kProblem},
      {put, "/v1/{collection}", v1_put_collection, Op::admin, Access::admin, BodyUse::memory, kProblem},
      {del, "/v1/{collection}", v1_delete_collection, Op::admin, Access::admin, BodyUse::none, kProblem},
      {get, "/v1", v1_collections, Op::scan, Access::read, BodyUse::none, kProblem},
      {post, "/v1", v1_batch, Op::batch, Access::write, BodyUse::memory, kProblem},
      {get, "/channels", get_channels, Op::read, Access::read, BodyUse::none, kProblem},
      {get, "/channels/{key}", get_channel, Op::read, Access::read, BodyUse::none, kProblem},
      {post, "/channels/{key}", publish_message, Op::publish, Access::write, BodyUse::memory, kProblem},
      {get, "/trash", get_trash, Op::scan, Access::read, BodyUse::none, kProblem},
      {del, "/trash", empty_removed, Op::erase, Access::write, BodyUse::none, kProblem},
      {get, "/trash/{key}", get_removed, Op::read, Access::read, BodyUse::none, kProblem},
      {post, "/trash/{key}", restore_removed, Op::write, Access::write, BodyUse::none, kProblem},
      {del, "/trash/{key}", drop_removed, Op::erase, Access::write, BodyUse::none, kProblem},
      {get, "/admin/tenants", admin_tenants, Op::admin, Access::admin, BodyUse::none, kProblem},
      {get, "/admin/tenants/{key}", admin_get_tenant, Op::admin, Access::admin, BodyUse::none, kProblem},
      {put, "/admin/tenants/{key}", admin_put_tenant, Op::admin, Access::admin, BodyUse::memory, kProblem},
      {del, "/admin/tenants/{key}", admin_delete_tenant, Op::admin, Access::admin, BodyUse::none, kProblem},
  };
  return kRoutes;
}

}  // namespace kvfs::http
