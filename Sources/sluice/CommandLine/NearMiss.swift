import Core

/// `; did you mean "status"?` when one of `words` is a near miss of `word`, else nothing.
func didYouMean(_ word: String, among words: [String]) -> String {
  guard let best = nearest(to: word, among: words) else { return "" }
  return "; did you mean \(best)?"
}

/// The one of `words` that was probably meant: at most a third of its letters differ.
func nearest(to word: String, among words: [String]) -> String? {
  guard !word.isEmpty, word.utf8.count <= 64 else { return nil }
  var best: (word: String, distance: Int)?
  for candidate in words {
    let distance = editDistance(Array(word.utf8), Array(candidate.utf8))
    let allowed = max(1, min(word.utf8.count, candidate.utf8.count) / 3)
    if distance <= allowed, distance < best?.distance ?? .max { best = (candidate, distance) }
  }
  if let best { return best.word }
  // An unfinished word is meant when only one can finish it.
  let finished = words.filter { $0.hasPrefix(word) }
  return finished.count == 1 ? finished[0] : nil
}

/// How many letters must be added, removed, replaced or swapped with their neighbour to make `b`
/// of `a` (optimal string alignment, after Damerau 1964).
func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
  if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
  var beforeLast = [Int](repeating: 0, count: b.count + 1)
  var last = Array(0...b.count)
  for i in 1...a.count {
    var row = [Int](repeating: i, count: b.count + 1)
    for j in 1...b.count {
      let replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
      row[j] = min(replaced, last[j] + 1, row[j - 1] + 1)
      if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
        row[j] = min(row[j], beforeLast[j - 2] + 1)
      }
    }
    (beforeLast, last) = (last, row)
  }
  return last[b.count]
}
