import Core
import Glibc

/// Classes by votes between each two of them (libsvm), or by one linear score each (liblinear).
///
/// What the specification leaves open follows onnxruntime, which exporters test with.
struct SupportVectorClassifierKernel: Kernel {
  private let vectors: SupportVectors
  private let labels: ClassLabels
  /// Empty for liblinear.
  private let starts: [Int]
  private let coefficients: [Float]
  private let shifts: [Float]
  private let slopes: [Float]
  private let intercepts: [Float]
  private let transform: PostTransform
  private let isAllPositive: Bool

  private var classes: Int { labels.count }
  private var pairs: Int { classes * (classes - 1) / 2 }
  private var isLinear: Bool { starts.isEmpty }

  init(_ call: OperatorCall) throws(KernelFault) {
    labels = try ClassLabels(call, integers: "classlabels_ints")
    let classes = labels.count
    guard classes >= 1, classes <= 1000 else {
      throw KernelFault(.malformed, "\(classes) labels; from 1 to 1000 are expected")
    }
    let counts = try call.ints("vectors_per_class")
    coefficients = try call.floats("coefficients")
    shifts = try call.floats("rho")
    slopes = try call.floats("prob_a")
    intercepts = try call.floats("prob_b")
    transform = try PostTransform(call)
    isAllPositive = coefficients.allSatisfy { $0 >= 0 }
    var starts: [Int] = []
    var total = 0
    for count in counts {
      guard count >= 0, count < 1 << 32 else { throw KernelFault(.malformed, "\(count) vectors") }
      starts.append(total)
      total += count
    }
    let pairs = classes * (classes - 1) / 2
    if total > 0 {
      guard counts.count == classes, coefficients.count >= (classes - 1) * total,
        shifts.count >= pairs, slopes.count == intercepts.count,
        slopes.isEmpty || slopes.count >= pairs
      else { throw KernelFault(.malformed, "the lists of the model do not fit each other") }
      self.starts = starts + [total]
      vectors = try SupportVectors(
        try call.floats("support_vectors"), count: total, call: call, isLinear: false)
    } else {
      guard !shifts.isEmpty else { throw KernelFault(.malformed, "rho is missing") }
      self.starts = []
      vectors = try SupportVectors(coefficients, count: classes, call: call, isLinear: true)
    }
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    let rows = try vectors.rows(view)
    let hasProbabilities = !isLinear && !slopes.isEmpty
    let width = isLinear || hasProbabilities ? classes : max(pairs, 2)
    let names = try labels.output(io, rows: rows)
    let out = try io.output(1, .float32, Shape(rows, width), as: Float.self)
    // A row, its likenesses, scores of pairs, votes, and room for the probabilities.
    let square = hasProbabilities ? classes * classes : 0
    let room = try io.scratch(
      vectors.stride + vectors.count + pairs + 3 * classes + 2 * square, of: Double.self)
    let likenesses = room + vectors.stride
    let scores = likenesses + vectors.count
    let votes = scores + pairs
    let work = votes + classes
    for row in 0..<rows {
      let to = out + row * width
      vectors.load(view, row, room)
      vectors.measure(room, shift: isLinear ? Double(shifts[0]) : 0, likenesses)
      if isLinear {
        for i in 0..<classes { to[i] = Float(likenesses[i]) }
        labels.write(chooseLinear(to), row, names)
        transform.apply(to, classes)
        continue
      }
      countVotes(likenesses, scores, votes)
      labels.write(best(votes, classes), row, names)
      if hasProbabilities {
        probabilities(scores, work, to)
        transform.apply(to, classes)
      } else if pairs > 1 {
        for i in 0..<pairs { to[i] = Float(scores[i]) }
        transform.apply(to, pairs)
      } else {
        writePair(pairs == 1 ? Float(scores[0]) : 0, to)
      }
    }
  }

  @inline(__always)
  private func best<T: RealElement>(_ values: UnsafeMutablePointer<T>, _ count: Int) -> Int {
    var best = 0
    for i in 0..<count where values[i] > values[best] { best = i }
    return best
  }

  private func chooseLinear(_ scores: UnsafeMutablePointer<Float>) -> Int {
    let top = best(scores, classes)
    guard classes == 2 else { return top }
    return scores[top] > 0 && (!isAllPositive || scores[top] >= 0.5) ? 1 : top
  }

  /// A score for each pair of classes; its sign is a vote.
  private func countVotes(
    _ likenesses: UnsafeMutablePointer<Double>, _ scores: UnsafeMutablePointer<Double>,
    _ votes: UnsafeMutablePointer<Double>
  ) {
    votes.update(repeating: 0, count: classes)
    var pair = 0
    for i in 0..<(classes - 1) {
      for j in (i + 1)..<classes {
        // Coefficients have a row less than classes: a class has none against itself.
        var sum = 0.0
        for v in starts[i]..<starts[i + 1] {
          sum += Double(coefficients[vectors.count * (j - 1) + v]) * likenesses[v]
        }
        for v in starts[j]..<starts[j + 1] {
          sum += Double(coefficients[vectors.count * i + v]) * likenesses[v]
        }
        sum += Double(shifts[pair])
        scores[pair] = sum
        votes[sum > 0 ? i : j] += 1
        pair += 1
      }
    }
  }

  private func writePair(_ score: Float, _ to: UnsafeMutablePointer<Float>) {
    switch transform {
    case .none: (to[0], to[1]) = (-score, score)
    case .probit: (to[0], to[1]) = (PostTransform.probit(score), 0)
    case .logistic: (to[0], to[1]) = (1 - sigmoid(score), sigmoid(score))
    case .softmax, .softmaxZero: (to[0], to[1]) = (1 - score, score)
    }
  }

  /// Probabilities of the classes from those of the pairs: the second method of Wu, Lin and Weng
  /// (2004), with the steps and stopping rule of libsvm.
  private func probabilities(
    _ scores: UnsafeMutablePointer<Double>, _ work: UnsafeMutablePointer<Double>,
    _ out: UnsafeMutablePointer<Float>
  ) {
    let k = classes
    let r = work
    let q = work + k * k
    let qp = work + 2 * k * k
    let p = qp + k
    var pair = 0
    for i in 0..<(k - 1) {
      for j in (i + 1)..<k {
        let value = 1 - sigmoid(scores[pair] * Double(slopes[pair]) + Double(intercepts[pair]))
        let inside = min(max(value, 1e-7), 1 - 1e-7)
        r[i * k + j] = inside
        r[j * k + i] = 1 - inside
        pair += 1
      }
    }
    for i in 0..<k {
      p[i] = 1 / Double(k)
      var own = 0.0
      for j in 0..<k where j != i {
        own += r[j * k + i] * r[j * k + i]
        q[i * k + j] = -r[j * k + i] * r[i * k + j]
      }
      q[i * k + i] = own
    }
    let tolerance = 0.005 / Double(k)
    for _ in 0..<100 {
      if improve(p, q, qp, tolerance) { break }
    }
    for i in 0..<k { out[i] = Float(p[i]) }
  }

  /// One round; `true` when it is close enough already.
  private func improve(
    _ p: UnsafeMutablePointer<Double>, _ q: UnsafeMutablePointer<Double>,
    _ qp: UnsafeMutablePointer<Double>, _ tolerance: Double
  ) -> Bool {
    let k = classes
    var pqp = 0.0
    for i in 0..<k {
      qp[i] = 0
      for j in 0..<k { qp[i] += q[i * k + j] * p[j] }
      pqp += p[i] * qp[i]
    }
    var worst = 0.0
    for i in 0..<k { worst = max(worst, abs(qp[i] - pqp)) }
    if worst < tolerance { return true }
    for i in 0..<k {
      let step = (-qp[i] + pqp) / q[i * k + i]
      p[i] += step
      pqp = (pqp + step * (step * q[i * k + i] + 2 * qp[i])) / (1 + step) / (1 + step)
      for j in 0..<k {
        qp[j] = (qp[j] + step * q[i * k + j]) / (1 + step)
        p[j] /= 1 + step
      }
    }
    return false
  }
}
