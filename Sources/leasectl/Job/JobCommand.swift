import LeaseCore

/// The command of a job as bytes, because neither an argument nor a path need be UTF-8.
struct JobCommand: Hashable, Sendable {
    /// The program: a path if it contains a slash, otherwise looked up in PATH.
    var program: [UInt8] { arguments[0] }

    /// The arguments, the program's own name first.
    ///
    /// Never empty.
    let arguments: [[UInt8]]

    /// Creates a command, or `nil` if there is no program.
    init?(_ arguments: [[UInt8]]) {
        guard !arguments.isEmpty else { return nil }
        self.arguments = arguments
    }

    /// The program for messages: printable ASCII as it is, everything else escaped.
    var programText: String { EscapedBytes.text(program) }

    /// The default label of the job's lease: the last part of the program's path.
    var ownerLabel: Label {
        let name = program.split(separator: UInt8(ascii: "/")).last.map(Array.init) ?? program
        let label = Label(sanitizing: name)
        return label == .empty ? .leasectl : label
    }
}

extension Label {
    /// The label if there is no better one.
    static let leasectl = Label(sanitizing: "leasectl".utf8)

    /// The beginning of the label, in the 16 bytes that every daemon accepts (`limits.label-bytes`).
    var shortened: Label {
        var length = 0
        let fitting = text.unicodeScalars.prefix { scalar in
            length += UTF8.width(scalar)
            return length <= 16
        }
        return Label(sanitizing: String(fitting).utf8)
    }
}

/// Runs `body` with a NULL-terminated array of C strings, as execve(2) and posix_spawn(3) take it.
func withCStrings<Result>(
    _ strings: [[UInt8]],
    _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) throws -> Result
) rethrows -> Result {
    var storage: [CChar] = []
    var offsets: [Int] = []
    for string in strings {
        offsets.append(storage.count)
        storage.append(contentsOf: string.lazy.map { CChar(bitPattern: $0) })
        storage.append(0)
    }
    return try storage.withUnsafeMutableBufferPointer { buffer in
        var pointers = offsets.map { offset in buffer.baseAddress.map { $0 + offset } }
        pointers.append(nil)
        return try pointers.withUnsafeBufferPointer { try body($0.baseAddress!) }
    }
}
