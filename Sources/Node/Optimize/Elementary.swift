import Glibc

/// The C library's functions under names that do not clash with variables.
enum Elementary {
  static func log(_ x: Double) -> Double { Glibc.log(x) }
  static func cos(_ x: Double) -> Double { Glibc.cos(x) }
}
