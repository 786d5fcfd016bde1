// The trash: removed values, the index by time, and the totals of each tenant.
#include <fmt/format.h>

#include "store/check_scan.h"
#include "store/text.h"
#include "store/trash_rows.h"

namespace kvfs {

void CheckScan::check_trash() {
  for_each_row(Table::trash, [&](std::string_view key, std::string_view value) {
    const Result<rows::ParsedTrashRow> row = rows::parse_trash_row(key);
    if (!row) {
      found("trash row " + printable(key), row.error().message(), true);
      fix(std::string(key), std::nullopt);
    } else if (row->what == rows::TrashRow::item) {
      check_trash_item(key, value);
    } else if (row->what == rows::TrashRow::end) {
      const auto item = rows_.get(rows::trash_item(row->tenant, row->id));
      std::string_view rest;
      const auto place = item ? rows::decode_trash_place(*item, rest) : Result<rows::TrashPlace>(Errc::not_found);
      if (place && place->ends_ms == row->ends_ms) return;
      found(fmt::format("trash of tenant {}", row->tenant), "a time that is no removed value's", true);
      fix(std::string(key), std::nullopt);
    }
  });
  check_trash_totals();
}

void CheckScan::check_trash_item(std::string_view key, std::string_view value) {
  const rows::ParsedTrashRow row = *rows::parse_trash_row(key);
  const Result<rows::TrashItem> item = rows::decode_trash_item(value);
  if (!item || item->place.tenant != row.tenant || item->place.id != row.id || item->entry.kind != Kind::file) {
    found(fmt::format("removed value {}", row.id), item ? "the row holds something else" : item.error().message(),
          true);
    fix(std::string(key), std::nullopt);
    return;
  }
  const std::string where =
      fmt::format("removed value {} ({}/{})", row.id, printable(item->place.collection), printable(item->place.key));
  std::string end = rows::trash_end(row.tenant, item->place.ends_ms, row.id);
  if (!rows_.get(end)) {
    found(where, "when it goes is not in the index", true);
    fix(std::move(end), std::string());
  }
  version_max_ = std::max(version_max_, row.id);
  trash_place_ = rows::encode_trash_place(item->place);
  check_identity(where, std::string(key), item->entry);
  Totals& totals = trash_[row.tenant];
  totals.keys += 1;
  totals.bytes += item->entry.chunked ? check_chunks_of(where, std::string(key), item->entry) : item->entry.size;
  trash_place_.clear();
}

void CheckScan::check_trash_totals() {
  std::map<DirId, TrashUse> stated;
  for_each_row(Table::trash, [&](std::string_view key, std::string_view value) {
    const Result<rows::ParsedTrashRow> row = rows::parse_trash_row(key);
    if (!row || row->what != rows::TrashRow::totals) return;
    const Result<TrashUse> use = rows::decode_trash_totals(value);
    stated[row->tenant] = use ? *use : TrashUse{UINT64_MAX, UINT64_MAX};
  });
  for (const auto& [tenant, totals] : trash_) stated.try_emplace(tenant);
  for (const auto& [tenant, use] : stated) {
    const Totals& there = trash_[tenant];
    const TrashUse counted{there.keys, there.bytes};
    if (use == counted && counted.keys != 0) continue;
    found(fmt::format("trash of tenant {}", tenant),
          fmt::format("counts {} values and {} bytes; there are {} and {}", use.keys, use.bytes, counted.keys,
                      counted.bytes),
          true);
    fix(rows::trash_prefix(tenant),
        counted.keys == 0 ? std::nullopt : std::optional(rows::encode_trash_totals(counted)));
  }
}

}  // namespace kvfs
