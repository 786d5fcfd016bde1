// The canonical API's table.
#include "httpbridge/v1.h"

#include "httpbridge/router.h"

namespace kvfs::http {

std::span<const Route> v1_routes() {
  using enum Method;
  using Op = Operation;
  constexpr auto kProblem = ErrorStyle::problem;
  static constexpr Route kRoutes[] = {
      {get, "/v1/{collection}/{key}", v1_get, Op::read, Access::read, BodyUse::none, kProblem},
      {put, "/v1/{collection}/{key}", v1_put, Op::write, Access::write, BodyUse::value, kProblem},
      {del, "/v1/{collection}/{key}", v1_delete, Op::erase, Access::write, BodyUse::none, kProblem},
      {get, "/v1/{collection}", v1_list, Op::scan, Access::read, BodyUse::none, kProblem},
  };
  return kRoutes;
}

}  // namespace kvfs::http
