import Glibc

/// Descriptors above the standard streams; as an argument of the trampoline, numbers separated by commas.
struct DescriptorSet: Hashable, Sendable {
    private(set) var numbers: Set<Int32>

    init(_ numbers: Set<Int32>) {
        self.numbers = numbers
    }

    /// Reads the form of ``text``; `nil` if the text is malformed.
    init?(text: String) {
        let numbers = text.split(separator: ",").map { Int32($0) }
        guard !numbers.contains(nil) else { return nil }
        self.numbers = Set(numbers.compactMap(\.self))
    }

    var text: String { numbers.sorted().map(String.init).joined(separator: ",") }

    mutating func insert(_ number: Int32) {
        numbers.insert(number)
    }

    /// The descriptors that are open now.
    static func open() -> DescriptorSet {
        guard let folder = opendir("/proc/self/fd") else { return DescriptorSet([]) }
        defer { closedir(folder) }
        var numbers: Set<Int32> = []
        while let item = readdir(folder) {
            let name = withUnsafeBytes(of: &item.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let number = Int32(name), number > STDERR_FILENO, number != dirfd(folder) { numbers.insert(number) }
        }
        return DescriptorSet(numbers)
    }
}
