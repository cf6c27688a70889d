import LeaseCore
import LeaseStore

@main
struct Night {
    static func main() async throws {
        let store = try await LeaseStore.open(path: "report.db")
        let report = try Report(in: store)
        let early = try await report.begin(as: "early")
        print("the early job has the lease")
        // The early job stands still for too long, and its lease is taken from it.
        _ = try await store.revoke(report.lease)
        let late = try await report.begin(as: "late")
        print("the late job has the lease, under a greater fence: \(late > early)")
        print("the late job wrote: \(try await report.write("by the late job", fence: late))")
        print("the early job wrote: \(try await report.write("by the early job", fence: early))")
        try await store.close()
    }
}
