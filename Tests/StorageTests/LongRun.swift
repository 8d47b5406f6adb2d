import Glibc

/// How often a test repeats itself: a little in `make test`, much more in `make soak`.
func repetitions(_ variable: String, _ usual: Int) -> Int {
  getenv(variable).flatMap { Int(String(cString: $0)) } ?? usual
}
