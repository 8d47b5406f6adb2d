import CFakeOnnxRuntime
import Core
import Glibc
import Testing

@testable import Inference

/// Which library is taken, and that one which only looks like ONNX Runtime is refused.
///
/// None of these tests needs ONNX Runtime.
struct OnnxRuntimeSearchTests {
  private func search(
    _ setting: String?, system: [String] = [], python: [String] = []
  ) -> OnnxRuntimeSearch {
    OnnxRuntimeSearch(setting: setting, systemPatterns: system, pythonPatterns: python)
  }

  private func refusal(_ search: OnnxRuntimeSearch) -> InferenceError? {
    do throws(InferenceError) {
      _ = try search.open()
      return nil
    } catch {
      return error
    }
  }

  private func refusal(of apiBase: UnsafeRawPointer?) throws -> InferenceError? {
    let apiBase = try #require(apiBase)
    do throws(InferenceError) {
      _ = try OnnxRuntime(apiBase: apiBase, path: "fake.so")
      return nil
    } catch {
      return error
    }
  }

  /// A folder with empty files of these names.
  private func withFiles<R>(_ names: [String], _ body: (String) throws -> R) throws -> R {
    try Files.withFolder { folder in
      for name in names {
        var path = folder
        for part in name.split(separator: "/").dropLast() {
          path += "/\(part)"
          mkdir(path, 0o755)
        }
        try Files.write(Array("no library".utf8), to: "\(folder)/\(name)")
      }
      guard let real = realpath(folder, nil) else { throw Bundle.Unreadable(what: folder) }
      defer { free(real) }
      return try body(String(cString: real))
    }
  }

  @Test func absenceSaysHowToGetIt() {
    let error = refusal(search(nil))
    #expect(error?.code == .backend)
    #expect(error?.exitCode == .system)
    #expect(error?.message.contains("SLUICE_ONNXRUNTIME") == true)
    #expect(refusal(search("off"))?.message.contains("switched off") == true)
    #expect(refusal(search("/nowhere/at/all"))?.message.contains("/nowhere/at/all") == true)
    // An empty setting is none.
    #expect(search("").setting == nil)
  }

  @Test func otherLibrariesAndFilesAreRefused() throws {
    try withFiles(["libonnxruntime.so"]) { folder in
      for named in [folder, folder + "/libonnxruntime.so"] {
        let error = refusal(search(named))
        #expect(error?.code == .backend)
        #expect(error?.message.contains("\(folder)/libonnxruntime.so cannot be used") == true)
      }
    }
    let mathematics = ["/lib/x86_64-linux-gnu/libm.so.6", "/lib64/libm.so.6", "/usr/lib/libm.so.6"]
      .first(where: Files.exists)
    if let mathematics {
      let error = refusal(search(mathematics))
      #expect(error?.message.contains("it has no function OrtGetApiBase") == true)
    }
  }

  @Test func librariesOfAnotherInterfaceAreRefused() throws {
    let without = try refusal(of: fake_ort_without_interface("1.31.1"))
    #expect(without?.message.contains("version 1 of the C interface") == true)
    let silent = try refusal(of: fake_ort_without_version())
    #expect(silent?.message.contains("version 1 of the C interface") == true)
    let gap = try refusal(of: fake_ort_with_a_gap())
    #expect(gap?.message.contains("it lacks the function GetStringTensorContent") == true)
    // Everything succeeds, and nothing is made.
    let idle = try refusal(of: fake_ort_that_does_nothing("1.31.1"))
    #expect(idle?.message.contains("its environment cannot be made") == true)
    let failing = try refusal(of: fake_ort_that_fails())
    #expect(failing?.message.contains("fails") == true)
    #expect(failing?.message.contains("\u{1B}") == false)
    for error in [without, silent, gap, idle, failing] {
      #expect(error?.code == .backend)
      #expect(error?.message.contains("fake.so") == true)
    }
  }

  @Test func theNewestOfTheNamedFolderIsTaken() throws {
    let names = [
      "libonnxruntime.so.1.9.0", "libonnxruntime.so.1.31.1", "libonnxruntime_providers_shared.so",
    ]
    try withFiles(names) { folder in
      let found = search(folder, system: [folder]).candidates()
      #expect(found.map(\.path) == ["\(folder)/\(names[1])", "\(folder)/\(names[0])"])
      #expect(found.allSatisfy { $0.origin == .named && $0.obstacle == nil })
    }
    let nested = "lib/python3.11/site-packages/onnxruntime/capi/libonnxruntime.so.1.2.3"
    try withFiles([nested]) { folder in
      #expect(search(folder).candidates().map(\.path) == ["\(folder)/\(nested)"])
      // What the operator names is no pattern.
      #expect(search("\(folder)/*").candidates().isEmpty)
    }
  }

  @Test func librariesThatOthersCanChangeAreNotLoadedUnasked() throws {
    try withFiles(["libonnxruntime.so"]) { folder in
      let library = "\(folder)/libonnxruntime.so"
      chmod(library, 0o644)
      #expect(search(nil, system: [folder]).candidates().map(\.obstacle) == [nil])
      chmod(library, 0o666)
      let open = search(nil, system: [folder])
      #expect(open.candidates().first?.obstacle?.contains("changed by other users") == true)
      // It is passed over: the complaint is of absence, not of a bad library.
      #expect(refusal(open)?.message.contains("not in the system's library folders") == true)
      chmod(library, 0o644)
      chmod(folder, 0o777)
      #expect(search(nil, system: [folder]).candidates().first?.obstacle != nil)
      chmod(folder, 0o755)
    }
  }

  @Test func pythonsCopiesAreOnlyToldOf() throws {
    try withFiles(["libonnxruntime.so.1.31.1"]) { folder in
      let known = search(nil, python: [folder])
      #expect(known.candidates().map(\.origin) == [.python])
      #expect(known.candidates().first?.obstacle?.contains("named") == true)
      #expect(refusal(known)?.message.contains("not in the system's library folders") == true)
    }
  }

  @Test func noLibraryIsLoadedWithTelemetry() {
    // Also when there is none after all: the choice is made before anything is loaded.
    #expect(throws: InferenceError.self) { _ = try OnnxRuntime.open("/nowhere/libonnxruntime.so") }
    #expect(getenv("ORT_DISABLE_TELEMETRY").map { String(cString: $0) } == "1")
  }

  @Test func sourcePlacesAreLeftOutOfMessages() {
    #expect(
      withoutSourcePlace(
        "a: /src/model.cc:256 ns::Model::Model(int, f<(g)0>, h()) Unsupported version")
        == "a: Unsupported version")
    #expect(withoutSourcePlace("/x/y.h:1 f::<lambda()>::operator()(int) const Bad") == "Bad")
    #expect(withoutSourcePlace("plain (text) of a.cc") == "plain (text) of a.cc")
    #expect(withoutSourcePlace("/x/y.cc:1 f(never closed") == "/x/y.cc:1 f(never closed")
  }
}
