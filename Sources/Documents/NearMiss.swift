/// The candidate that a misspelt word most likely means, or nil when none is near.
///
/// Near is an edit distance (insert, delete, replace, swap neighbours: Damerau 1964, in the
/// restricted form "optimal string alignment") of at most a third of the word's length and at most
/// 3, capitals not counted. The first of equals wins.
public func nearMiss(_ word: String, among candidates: [String]) -> String? {
  let typed = Array(word.lowercased().unicodeScalars)
  guard (1...64).contains(typed.count) else { return nil }
  var best: (candidate: String, distance: Int)?
  for candidate in candidates.prefix(1_000) {
    let known = Array(candidate.lowercased().unicodeScalars)
    guard (1...64).contains(known.count), abs(known.count - typed.count) <= 3 else { continue }
    let distance = editDistance(typed, known)
    let admitted = min(3, max(1, max(typed.count, known.count) / 3))
    if distance <= admitted, distance < best?.distance ?? .max { best = (candidate, distance) }
  }
  return best?.candidate
}

/// The least number of edits that turn `a` into `b`; time and memory of the product of the lengths.
private func editDistance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
  let width = b.count + 1
  var table = [Int](repeating: 0, count: (a.count + 1) * width)
  for i in 0...a.count { table[i * width] = i }
  for j in 0...b.count { table[j] = j }
  for i in 1..<(a.count + 1) {
    for j in 1..<width {
      let replaced = table[(i - 1) * width + j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
      var least = min(replaced, table[(i - 1) * width + j] + 1, table[i * width + j - 1] + 1)
      if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
        least = min(least, table[(i - 2) * width + j - 2] + 1)
      }
      table[i * width + j] = least
    }
  }
  return table[a.count * width + b.count]
}
