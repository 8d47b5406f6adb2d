/// The columns of the versions table, in the order in which they stand and in which `s` sorts.
enum VersionColumn: Int, Sendable, Hashable, CaseIterable {
  case version, state, weight, rate, p50, p99, errors, wrong, drift, age

  /// The heading.
  var title: String {
    switch self {
    case .version: "VERSION"
    case .state: "STATE"
    case .weight: "WT%"
    case .rate: "REQ/S"
    case .p50: "P50"
    case .p99: "P99"
    case .errors: "ERR%"
    case .wrong: "WRONG%"
    case .drift: "PSI"
    case .age: "AGE"
    }
  }

  /// Its width in cells, without the blank before it.
  var width: Int {
    switch self {
    case .version: 8
    case .state: 12
    case .weight: 4
    case .rate: 6
    case .p50, .p99, .errors, .drift: 5
    case .wrong: 6
    case .age: 4
    }
  }

  /// Which columns go first when there is no room for all; the last are the ones that stay.
  static let dropOrder: [VersionColumn] = [
    .p50, .age, .rate, .drift, .wrong, .errors, .p99, .weight,
  ]
}
