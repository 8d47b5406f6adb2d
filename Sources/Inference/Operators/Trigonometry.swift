import Glibc

/// Inverse and hyperbolic functions, computed by the C library.
let trigonometryOperators: OperatorTable = [
  "Acos": { _ in
    RealUnaryKernel {
      acosf($0)
    } double: {
      acos($0)
    }
  },
  "Acosh": { _ in
    RealUnaryKernel {
      acoshf($0)
    } double: {
      acosh($0)
    }
  },
  "Asin": { _ in
    RealUnaryKernel {
      asinf($0)
    } double: {
      asin($0)
    }
  },
  "Asinh": { _ in
    RealUnaryKernel {
      asinhf($0)
    } double: {
      asinh($0)
    }
  },
  "Atan": { _ in
    RealUnaryKernel {
      atanf($0)
    } double: {
      atan($0)
    }
  },
  "Atanh": { _ in
    RealUnaryKernel {
      atanhf($0)
    } double: {
      atanh($0)
    }
  },
  "Cosh": { _ in
    RealUnaryKernel {
      coshf($0)
    } double: {
      cosh($0)
    }
  },
  "Sinh": { _ in
    RealUnaryKernel {
      sinhf($0)
    } double: {
      sinh($0)
    }
  },
]
