import Core

extension Plan {
  /// The SHA-256 of the plan's canonical JSON: what an approval is given for.
  public var digest: Digest? {
    guard let bytes = try? CanonicalJSON.encode(self) else { return nil }
    return try? Digest(bytes: sha256(bytes))
  }
}

/// SHA-256 after FIPS 180-4, for small inputs: this module does no input or output and has no
/// library to ask.
func sha256(_ message: [UInt8]) -> [UInt8] {
  var hash = rootFractions(count: 8, isCube: false)
  let constants = rootFractions(count: 64, isCube: true)
  var padded = message + [0x80]
  while padded.count % 64 != 56 { padded.append(0) }
  let bits = UInt64(message.count) &* 8
  for shift in stride(from: 56, through: 0, by: -8) {
    padded.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift)))
  }
  for start in stride(from: 0, to: padded.count, by: 64) {
    compress(&hash, padded[start..<start + 64], constants)
  }
  return hash.flatMap { word in
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
  }
}

private func compress(_ hash: inout [UInt32], _ block: ArraySlice<UInt8>, _ constants: [UInt32]) {
  var words = stride(from: block.startIndex, to: block.endIndex, by: 4).map { at in
    block[at..<at + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
  }
  for t in 16..<64 {
    let (a, b) = (words[t - 15], words[t - 2])
    let small0 = rotated(a, 7) ^ rotated(a, 18) ^ (a >> 3)
    let small1 = rotated(b, 17) ^ rotated(b, 19) ^ (b >> 10)
    words.append(words[t - 16] &+ small0 &+ words[t - 7] &+ small1)
  }
  var state = hash
  for t in 0..<64 {
    let (a, e) = (state[0], state[4])
    let big1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)
    let choice = (e & state[5]) ^ (~e & state[6])
    let first = state[7] &+ big1 &+ choice &+ constants[t] &+ words[t]
    let big0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)
    let majority = (a & state[1]) ^ (a & state[2]) ^ (state[1] & state[2])
    state = [
      first &+ big0 &+ majority, a, state[1], state[2], state[3] &+ first, e, state[5], state[6],
    ]
  }
  for i in hash.indices { hash[i] = hash[i] &+ state[i] }
}

private func rotated(_ word: UInt32, _ by: UInt32) -> UInt32 { word >> by | word << (32 - by) }

/// The first 32 bits after the point of the square or cube roots of the first primes, which FIPS
/// 180-4 takes as its constants; by whole numbers, so exact.
private func rootFractions(count: Int, isCube: Bool) -> [UInt32] {
  var primes: [UInt64] = []
  var candidate: UInt64 = 2
  while primes.count < count {
    if primes.allSatisfy({ candidate % $0 != 0 }) { primes.append(candidate) }
    candidate += 1
  }
  return primes.map { prime in
    // The greatest x with (x / 2^32)^n <= prime, by halving; 2^35 is above every root here.
    var (low, high): (UInt64, UInt64) = (0, 1 << 37)
    while high - low > 1 {
      let middle = (low + high) / 2
      let square = middle.multipliedFullWidth(by: middle)
      let isBelow: Bool
      if isCube {
        // x^3 <= prime 2^96: x^2 < 2^74, so split once more.
        let upper = square.high.multipliedReportingOverflow(by: middle).partialValue
        let lower = square.low.multipliedFullWidth(by: middle)
        let top = upper &+ lower.high
        isBelow = top < prime << 32 || (top == prime << 32 && lower.low == 0)
      } else {
        isBelow = square.high < prime || (square.high == prime && square.low == 0)
      }
      if isBelow { low = middle } else { high = middle }
    }
    return UInt32(truncatingIfNeeded: low)
  }
}
