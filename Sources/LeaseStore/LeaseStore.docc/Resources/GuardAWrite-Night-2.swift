import LeaseCore
import LeaseStore

@main
struct Night {
    static func main() async throws {
        let store = try await LeaseStore.open(path: "report.db")
        let report = try Report(in: store)
        let early = try await report.begin(as: "early")
        print("the early job has the lease")
        try await report.write("by the early job", fence: early)
        try await store.close()
    }
}
