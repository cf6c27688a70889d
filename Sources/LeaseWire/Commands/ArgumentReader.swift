internal import LeaseCore
internal import NIOCore

/// A command's arguments, found in their frame by the grammar: values by position, options by keyword.
///
/// Creating it checks the shape of the command; reading an ``ArgumentValue`` checks the value. It allocates no memory.
struct ArgumentReader {
    /// The most keywords that a command may have.
    static let mostOptions = 8

    private let frame: RESPFrame
    private let spec: CommandSpec
    private let limits: ValueLimits
    /// The index of the first value in the frame.
    private let first: Int
    /// How many positional values there are.
    private(set) var valueCount: Int
    /// The index of each option's first value in the frame, in the order of the grammar; 0 if it was left out.
    private var optionIndices = SIMD8<Int32>(repeating: 0)

    /// Finds the arguments of the command `spec`, or of the subcommand `spec` of `parent`.
    ///
    /// - Throws: ``LeaseError/Code/invalidRequest`` if they do not fit the grammar; the message shows it.
    init(_ frame: RESPFrame, _ spec: CommandSpec, in parent: CommandSpec?, limits: ValueLimits) throws(LeaseError) {
        self.frame = frame
        self.spec = spec
        self.limits = limits
        self.first = parent == nil ? 1 : 2
        self.valueCount = spec.requiredCount
        guard frame.arguments.count >= first + valueCount else { throw Self.wrongCount(spec, in: parent) }
        countOptionalValues()
        try findOptions(in: parent)
    }

    /// The value at a position where the grammar requires one.
    subscript(position: Int) -> ArgumentValue {
        ArgumentValue(bytes: bytes(at: first + position), limits: limits)
    }

    /// The value at a position where the grammar allows one, if it is there.
    func optional(_ position: Int) -> ArgumentValue? {
        position < valueCount ? self[position] : nil
    }

    /// The value after a keyword, if it is there.
    subscript(keyword: String) -> ArgumentValue? {
        firstIndex(behind: keyword).map { ArgumentValue(bytes: bytes(at: $0), limits: limits) }
    }

    /// The place after which a list continues (`AFTER`), or `nil` if it starts at the beginning.
    ///
    /// So it does with an empty value, which comes before every name: a loop over pages can begin with that.
    var place: ArgumentValue? {
        self["AFTER"].flatMap { $0.bytes.readableBytes > 0 ? $0 : nil }
    }

    /// The two values after a keyword, if it is there.
    func pair(behind keyword: String) -> (ArgumentValue, ArgumentValue)? {
        firstIndex(behind: keyword).map { index in
            (
                ArgumentValue(bytes: bytes(at: index), limits: limits),
                ArgumentValue(bytes: bytes(at: index + 1), limits: limits)
            )
        }
    }

    /// Whether a flag is there.
    func contains(_ flag: String) -> Bool {
        firstIndex(behind: flag) != nil
    }

    private func firstIndex(behind keyword: String) -> Int? {
        // Most commands come without options.
        guard optionIndices != .zero else { return nil }
        guard let option = spec.options.firstIndex(where: { $0.keyword == keyword }) else {
            preconditionFailure("\(spec.name) has no keyword \(keyword)")
        }
        let index = Int(optionIndices[option])
        return index == 0 ? nil : index
    }

    // MARK: - The shape

    private mutating func countOptionalValues() {
        if spec.hasRepeatedValue {
            valueCount = frame.arguments.count - first
        }
        for value in spec.optionalValues {
            let next = first + valueCount
            guard next < frame.arguments.count, option(at: next) == nil else { return }
            valueCount = value.isMultiple ? frame.arguments.count - first : valueCount + 1
        }
    }

    private mutating func findOptions(in parent: CommandSpec?) throws(LeaseError) {
        var index = first + valueCount
        while index < frame.arguments.count {
            guard !spec.options.isEmpty else { throw Self.wrongCount(spec, in: parent) }
            guard let option = option(at: index) else { throw misfit(at: index, "is no keyword here", in: parent) }
            guard optionIndices[option] == 0 else { throw misfit(at: index, "came twice", in: parent) }
            let words = spec.options[option].leastWords
            guard index + words <= frame.arguments.count else {
                let what = words == 2 ? "a value" : "\(words - 1) values"
                throw misfit(at: index, "wants \(what) behind it", in: parent)
            }
            if let other = spec.choices.first(where: { $0.contains(option) })?.first(where: { optionIndices[$0] != 0 })
            {
                throw misfit(at: index, "excludes \(spec.options[other].keyword ?? "")", in: parent)
            }
            optionIndices[option] = Int32(index + 1)
            index += words
        }
    }

    private func option(at index: Int) -> Int? {
        let word = bytes(at: index).readableBytesView
        return spec.options.firstIndex { option in
            option.keyword.map { PrintableBytes.equal(word, $0) } ?? false
        }
    }

    private func bytes(at index: Int) -> ByteBuffer {
        guard case .bytes(let bytes) = frame.arguments[index] else {
            preconditionFailure("a frame with an argument over its limit is refused before it is read")
        }
        return bytes
    }

    private static func wrongCount(_ spec: CommandSpec, in parent: CommandSpec?) -> LeaseError {
        let name = [parent?.name, spec.name].compactMap(\.self).joined(separator: "|")
        return misfit("wrong number of arguments for '\(name)' command", spec, in: parent)
    }

    private func misfit(at index: Int, _ what: String, in parent: CommandSpec?) -> LeaseError {
        let word = PrintableBytes.text(of: bytes(at: index).readableBytesView, limit: 32)
        return Self.misfit("'\(word)' \(what)", spec, in: parent)
    }

    private static func misfit(_ what: String, _ spec: CommandSpec, in parent: CommandSpec?) -> LeaseError {
        LeaseError(.invalidRequest, "\(what): \(spec.usage(in: parent))")
    }
}
