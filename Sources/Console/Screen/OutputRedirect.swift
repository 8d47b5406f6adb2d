import Glibc

/// Sends standard output and standard error to a file while the screen is up: one line printed by
/// anyone would tear the picture.
final class OutputRedirect {
  private let path: String
  private var kept: [(descriptor: Int32, copy: Int32)] = []

  /// Prepares the redirection; nothing happens before ``begin()``.
  init(path: String) { self.path = path }

  /// Redirects; where the file cannot be written, drops the output.
  func begin() {
    guard kept.isEmpty else { return }
    fflush(nil)
    let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC
    var log = open(path, flags, 0o600)
    if log < 0 { log = open("/dev/null", flags) }
    guard log >= 0 else { return }
    for descriptor: Int32 in [1, 2] {
      let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
      guard copy >= 0 else { continue }
      kept.append((descriptor, copy))
      dup2(log, descriptor)
    }
    close(log)
  }

  /// Puts both back.
  func end() {
    fflush(nil)
    for (descriptor, copy) in kept {
      dup2(copy, descriptor)
      close(copy)
    }
    kept = []
  }
}
