#if canImport(Glibc)
    import Glibc
#endif

/// Seeds for random tests: new ones in each run, printed with a failure; `LEASED_SEED` replays one.
enum Seeds {
    static func all(count: Int) -> [UInt64] {
        if let text = getenv("LEASED_SEED"), let seed = UInt64(String(cString: text)) { return [seed] }
        return (0..<count).map { _ in .random(in: 0...UInt64(UInt32.max)) }
    }
}
