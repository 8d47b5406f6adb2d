/// Control of the share of false alarms among many tests.
public enum FalseDiscovery {
  /// Adjusted p-values (q-values) after Benjamini and Hochberg (1995): flagging those at most 5 %
  /// keeps the expected share of false flags under 5 % for independent (or positively dependent)
  /// tests.
  ///
  /// The order of the input is kept; p-values that are no numbers stay so and do not count.
  public static func benjaminiHochberg(_ pValues: [Double]) -> [Double] {
    adjusted(pValues, factor: 1)
  }

  /// The same after Benjamini and Yekutieli (2001), valid under any dependence, and stricter.
  public static func benjaminiYekutieli(_ pValues: [Double]) -> [Double] {
    let count = pValues.count { !$0.isNaN }
    guard count > 0 else { return pValues }
    return adjusted(pValues, factor: (1...count).reduce(0) { $0 + 1 / Double($1) })
  }

  private static func adjusted(_ pValues: [Double], factor: Double) -> [Double] {
    let order = pValues.indices.filter { !pValues[$0].isNaN }
      .sorted { (pValues[$0], $0) < (pValues[$1], $1) }
    var result = pValues
    var least = 1.0
    for (rank, index) in order.enumerated().reversed() {
      least = min(least, pValues[index] * factor * Double(order.count) / Double(rank + 1))
      result[index] = least
    }
    return result
  }
}
