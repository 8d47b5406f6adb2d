import CSodium
import Core

/// What is kept apart from the journal about one person who acted: the name behind a pseudonym.
///
/// The pseudonym is a hash (BLAKE2b) of the name under a random key of the person's own. Without
/// name and key, which are erased together, nothing tells whose it was: not even a list of all
/// names helps.
public struct Person: Sendable, Hashable, Codable {
  /// 16 hexadecimal digits: what the journal has in place of the name.
  public let pseudonym: String
  /// The name; nil once it is erased.
  public let name: String?
  /// The person's own key, 64 hexadecimal digits; nil once it is erased.
  let key: String?
  /// Since when the person is known.
  public let since: Timestamp?
  /// When the name was erased; nil when it was not.
  public let forgotten: Timestamp?

  /// A person who has not acted before.
  init(name: String, since: Timestamp) {
    var key = [UInt8](repeating: 0, count: Int(crypto_generichash_KEYBYTES))
    randombytes_buf(&key, key.count)
    self.name = name
    self.key = Hexadecimal.text(key)
    self.since = since
    forgotten = nil
    pseudonym = Person.pseudonym(of: name, key: key)
  }

  /// One whose name is erased.
  init(forgotten pseudonym: String, at time: Timestamp, since: Timestamp?) {
    self.pseudonym = pseudonym
    name = nil
    key = nil
    self.since = since
    forgotten = time
  }

  /// Whether the pseudonym is the name's under the key, as a file that nobody changed has it.
  var isProven: Bool {
    guard let name, let key = key.flatMap(Hexadecimal.bytes),
      key.count == Int(crypto_generichash_KEYBYTES)
    else { return false }
    return Person.pseudonym(of: name, key: key) == pseudonym
  }

  private static func pseudonym(of name: String, key: [UInt8]) -> String {
    var hash = [UInt8](repeating: 0, count: Int(crypto_generichash_BYTES_MIN))
    let bytes = Array(name.utf8)
    crypto_generichash(&hash, hash.count, bytes, UInt64(bytes.count), key, key.count)
    return Hexadecimal.text(Array(hash.prefix(8)))
  }
}
