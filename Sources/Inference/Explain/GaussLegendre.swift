import Glibc

/// Gauss-Legendre quadrature on 0...1: `count` places integrate every polynomial up to the degree
/// `2 * count - 1` exactly.
struct GaussLegendre {
  let places: [Double]
  let weights: [Double]

  /// Roots of the Legendre polynomial by Newton's method from Tricomi's first guess (Abramowitz &
  /// Stegun 25.4.30).
  /// - Precondition: `count` is at least 1.
  init(count: Int) {
    precondition(count >= 1, "a quadrature has places")
    var places = [Double](repeating: 0.5, count: count)
    var weights = [Double](repeating: 1, count: count)
    for i in 0..<((count + 1) / 2) {
      var x = cos(Double.pi * (Double(i) + 0.75) / (Double(count) + 0.5))
      var slope = 1.0
      for _ in 0..<50 {
        let (value, derivative) = GaussLegendre.legendre(count, x)
        slope = derivative
        let step = value / derivative
        x -= step
        if abs(step) < 1e-16 { break }
      }
      let weight = 1 / ((1 - x * x) * slope * slope)
      places[i] = (1 - x) / 2
      places[count - 1 - i] = (1 + x) / 2
      weights[i] = weight
      weights[count - 1 - i] = weight
    }
    self.places = places
    self.weights = weights
  }

  /// The Legendre polynomial of a degree and its derivative.
  private static func legendre(_ degree: Int, _ x: Double) -> (value: Double, slope: Double) {
    var before = 1.0
    var now = x
    for k in stride(from: 2, through: degree, by: 1) {
      (before, now) = (now, (Double(2 * k - 1) * x * now - Double(k - 1) * before) / Double(k))
    }
    return (now, Double(degree) * (x * now - before) / (x * x - 1))
  }
}
