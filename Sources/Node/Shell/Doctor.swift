import Core
import Glibc
import Inference
import Storage

/// One thing that was looked at.
public struct DoctorFinding: Sendable, Encodable {
  /// What was looked at.
  public var name: String
  /// How it stands.
  public var severity: Severity
  /// What was found.
  public var finding: String
  /// What to do; empty when nothing is.
  public var remedy: String
}

/// Looks at what the program needs from its surroundings, and says what to do where it lacks.
public enum Doctor {
  /// Every check, in the order of a start.
  ///
  /// Changes nothing but a probe file in the state directory.
  public static func check(stateDirectory: String) -> [DoctorFinding] {
    [
      terminal(), locale(), colours(), state(stateDirectory), space(stateDirectory),
      node(stateDirectory), recovery(stateDirectory), sample(), onnxRuntime(.process), processor(),
    ]
  }

  private static func environment(_ name: String) -> String {
    getenv(name).map { String(cString: $0) } ?? ""
  }

  private static func terminal() -> DoctorFinding {
    let term = environment("TERM")
    if isatty(0) != 1 || isatty(1) != 1 {
      return DoctorFinding(
        name: "terminal", severity: .warn, finding: "input or output is no terminal",
        remedy: "the console needs one; commands, and demo --headless, do not")
    }
    if term.isEmpty || term == "dumb" {
      return DoctorFinding(
        name: "terminal", severity: .warn, finding: "TERM is \"\(printable(term))\"",
        remedy: "set TERM to what the terminal is, or use the console with --linear")
    }
    return DoctorFinding(
      name: "terminal", severity: .ok, finding: "TERM is \(printable(term))", remedy: "")
  }

  private static func locale() -> DoctorFinding {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].map(environment).first { !$0.isEmpty } ?? "C"
    let isUnicode = set.uppercased().contains("UTF-8") || set.uppercased().contains("UTF8")
    return DoctorFinding(
      name: "locale", severity: isUnicode ? .ok : .warn, finding: printable(set),
      remedy: isUnicode
        ? "" : "set LC_ALL=C.UTF-8; without it charts are drawn in plain ASCII")
  }

  private static func colours() -> DoctorFinding {
    let mode = environment("COLORTERM")
    if !environment("NO_COLOR").isEmpty {
      return DoctorFinding(
        name: "colours", severity: .ok, finding: "NO_COLOR is set: one colour", remedy: "")
    }
    let isTrue = mode == "truecolor" || mode == "24bit"
    return DoctorFinding(
      name: "colours", severity: .ok,
      finding: isTrue ? "24-bit" : "what TERM says (COLORTERM does not say truecolor)", remedy: "")
  }

  private static func state(_ path: String) -> DoctorFinding {
    do {
      let directory = try StateDirectory(path, create: true)
      let probe = directory.path + "/.probe"
      let file = Glibc.open(probe, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
      guard file >= 0 else {
        return DoctorFinding(
          name: "state", severity: .bad,
          finding: "cannot write in \(printable(path)): \(String(cString: strerror(errno)))",
          remedy: "give this user the right to, or choose another directory with --state")
      }
      close(file)
      unlink(probe)
      return DoctorFinding(
        name: "state", severity: .ok, finding: printable(directory.path), remedy: "")
    } catch {
      return DoctorFinding(
        name: "state", severity: .bad, finding: error.message,
        remedy: "choose another directory with --state")
    }
  }

  /// Free space below which a journal soon cannot be written.
  private static let freeBytesMin: UInt64 = 256 << 20

  private static func space(_ path: String) -> DoctorFinding {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else {
      return DoctorFinding(
        name: "space", severity: .warn, finding: "cannot be told for \(printable(path))",
        remedy: "")
    }
    let free = UInt64(status.f_bavail) * UInt64(status.f_frsize)
    return DoctorFinding(
      name: "space", severity: free < freeBytesMin ? .bad : .ok, finding: "\(free >> 20) MiB free",
      remedy: free < freeBytesMin ? "free some: the journal needs space for every change" : "")
  }

  private static func node(_ path: String) -> DoctorFinding {
    if NodeDoor.isNodeRunning(stateDirectory: path) {
      return DoctorFinding(
        name: "node", severity: .ok, finding: "a node runs here and answers", remedy: "")
    }
    return DoctorFinding(name: "node", severity: .ok, finding: "no node runs here", remedy: "")
  }

  /// What a start would go on from.
  private static func recovery(_ path: String) -> DoctorFinding {
    do {
      let directory = try StateDirectory(path, create: false)
      guard directory.holdsState else {
        return DoctorFinding(
          name: "recovery", severity: .ok, finding: "there is no journal yet", remedy: "")
      }
      let reader = try JournalReader(directory)
      let search = SavedStates(readingFrom: directory, reader).newest()
      let last = try reader.head().sequence
      let saved = search.entry?.head.sequence ?? 0
      let why = search.refusals.map { "; " + printable($0, limit: 200) }.joined()
      let isLong = last - saved > 20 * CheckpointKeeper.eventsBetween
      return DoctorFinding(
        name: "recovery", severity: isLong ? .warn : .ok,
        finding: saved > 0
          ? "a start goes on from the state saved after event \(saved) and replays "
            + "\(last - saved)\(why)"
          : "a start replays all \(last) events\(why)",
        remedy: isLong
          ? "the next node that serves saves the state; until then a start takes longer" : "")
    } catch {
      return DoctorFinding(
        name: "recovery", severity: .bad, finding: NodeError(describing: error).message,
        remedy: "see \"sluice journal verify\", and restore the last backup")
    }
  }

  private static func sample() -> DoctorFinding {
    do {
      return DoctorFinding(
        name: "sample", severity: .ok, finding: printable(try SampleFiles.find().directory),
        remedy: "")
    } catch {
      return DoctorFinding(
        name: "sample", severity: .warn, finding: NodeError(describing: error).message,
        remedy: "only the demonstration needs it")
    }
  }

  /// The optional back end: what was found, whether it works, how to get it.
  static func onnxRuntime(_ search: OnnxRuntimeSearch) -> DoctorFinding {
    let name = "onnxruntime"
    do throws(InferenceError) {
      let runtime = try search.open()
      let how = search.setting == nil ? "found" : "named by \(OnnxRuntimeSearch.variable)"
      return DoctorFinding(
        name: name, severity: .ok,
        finding: "\(runtime.version), \(how): \(printable(runtime.path)); its self-test passed",
        remedy: "")
    } catch {
      if search.isOff {
        return DoctorFinding(name: name, severity: .ok, finding: error.message, remedy: "")
      }
      let candidates = search.candidates()
      let others = candidates.filter { $0.obstacle != nil }
      // That it is not there is no fault: native models do not need it. One that is broken is.
      let isWanted = others.count < candidates.count || search.setting != nil
      return DoctorFinding(
        name: name, severity: isWanted ? .warn : .ok,
        finding: isWanted ? error.message : "not in use; native models do not need it",
        remedy: others.isEmpty
          ? "for models with operators of other kinds install it (pip install onnxruntime) and "
            + "name its library or folder with \(OnnxRuntimeSearch.variable)"
          : others.map(advice).joined(separator: "; "))
    }
  }

  private static func advice(on candidate: OnnxRuntimeCandidate) -> String {
    "\(OnnxRuntimeSearch.variable)=\(printable(candidate.path)) uses the copy there "
      + "(\(candidate.obstacle ?? "it may be used"))"
  }

  private static func processor() -> DoctorFinding {
    let count = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    return DoctorFinding(
      name: "processors", severity: .ok, finding: "\(count)", remedy: "")
  }
}
