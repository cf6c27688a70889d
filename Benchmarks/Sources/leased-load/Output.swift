import FoundationEssentials

/// Prints the figures as one line of JSON.
func printJSON(_ figures: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    print(String(decoding: try encoder.encode(figures), as: UTF8.self))
}

func nanoseconds(_ seconds: Double) -> UInt64 {
    UInt64(seconds * 1e9)
}
