import CSystem
import Core
import Glibc
import Testing

@Suite struct SystemTests {
  @Test func anEventCountsAndDrains() {
    let event = sluice_eventfd()
    defer { close(event) }
    #expect(sluice_eventfd_drain(event) == 0)
    sluice_eventfd_signal(event)
    sluice_eventfd_signal(event)
    var waited = pollfd(fd: event, events: Int16(POLLIN), revents: 0)
    #expect(poll(&waited, 1, 0) == 1)
    #expect(sluice_eventfd_drain(event) == 2)
    #expect(poll(&waited, 1, 0) == 0)
  }

  @Test func figuresOfTheProcessArePlausible() {
    let before = sluice_thread_cpu_nanoseconds()
    var sum: UInt64 = 0
    for number in 0..<UInt64(200_000) { sum &+= SplitMix64.mix(number) }
    #expect(sum != 0)
    #expect(sluice_thread_cpu_nanoseconds() > before)
    #expect(sluice_process_cpu_microseconds() > 0)
    #expect(sluice_resident_memory_bytes() > 1 << 20)
    #expect(sluice_peak_memory_bytes() >= sluice_resident_memory_bytes() / 2)
  }

  @Test func widthsAndTerminals() {
    #expect(sluice_wcwidth(0x41) == 1)
    var rows: Int32 = 0
    var columns: Int32 = 0
    let file = open("/dev/null", O_RDONLY)
    defer { close(file) }
    #expect(sluice_terminal_size(file, &rows, &columns) == -1)
    #expect(errno == ENOTTY)
  }

  @Test func aTooLongPathIsRefused() {
    let socket = sluice_unix_socket()
    defer { close(socket) }
    let path = "/tmp/" + String(repeating: "x", count: 200)
    #expect(sluice_unix_connect(socket, path) == -1)
    #expect(errno == ENAMETOOLONG)
  }
}
