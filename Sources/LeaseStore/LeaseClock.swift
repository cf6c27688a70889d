import CLinux
import Glibc
public import LeaseCore

/// Where a store reads the time.
///
/// Code that decides about leases is handed a `Moment` and never reads a clock. Tests bring their own clock.
public protocol LeaseClock: Sendable {
    /// One reading of both clocks.
    func now() -> Moment

    /// Identifies the boot whose clock ``now()`` reads.
    ///
    /// Deadlines on CLOCK_BOOTTIME are valid only while this text is the same.
    var bootIdentity: String { get }
}

/// The machine's clocks: CLOCK_BOOTTIME and CLOCK_REALTIME (clock_gettime(2)).
public struct SystemLeaseClock: LeaseClock {
    /// The kernel's boot id and the time namespace.
    ///
    /// A time namespace (time_namespaces(7)) has its own boot clock: another namespace counts as another boot, and so
    /// does another offset.
    public let bootIdentity: String

    /// Creates the clock of this process.
    ///
    /// - Throws: ``StoreError/Code/ioError`` if `/proc` does not tell the boot id.
    public init() throws(StoreError) {
        guard let bootID = Self.contents(of: "/proc/sys/kernel/random/boot_id"), !bootID.isEmpty else {
            throw StoreError(.ioError, "/proc/sys/kernel/random/boot_id cannot be read; mount /proc")
        }
        var link = [CChar](repeating: 0, count: 64)
        let length = readlink("/proc/self/ns/time", &link, link.count - 1)
        let namespace = String(decoding: link.prefix(max(length, 0)).map(UInt8.init(bitPattern:)), as: UTF8.self)
        // "boottime  86400  0": the offset of this namespace's boot clock.
        let offsets = Self.contents(of: "/proc/self/timens_offsets") ?? ""
        let boottime = offsets.split(separator: "\n").first { $0.hasPrefix("boottime") } ?? ""
        let offset = boottime.split(separator: " ").dropFirst().joined(separator: ".")
        self.bootIdentity = "\(bootID) \(namespace) \(offset)"
    }

    /// One reading of both clocks.
    public func now() -> Moment {
        var boot = timespec()
        var wall = timespec()
        clock_gettime(CLOCK_BOOTTIME, &boot)
        clock_gettime(CLOCK_REALTIME, &wall)
        return Moment(
            boot: BootInstant(nanoseconds: Int64(boot.tv_sec) * 1_000_000_000 + Int64(boot.tv_nsec)),
            wall: WallInstant(microseconds: Int64(wall.tv_sec) * 1_000_000 + Int64(wall.tv_nsec) / 1000)
        )
    }

    private static func contents(of path: String) -> String? {
        let descriptor = clinux_open(path, O_RDONLY | O_CLOEXEC, 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { return nil }
        var text = String(decoding: bytes.prefix(count), as: UTF8.self)
        while text.hasSuffix("\n") { text.removeLast() }
        return text
    }
}
