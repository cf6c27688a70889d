import CLinux
import Glibc

/// The floor: flock(2) on files in a folder, by this process itself.
///
/// Nothing is durable, and no other process takes part.
struct FlockFloor {
    private let folder: String
    private let names: LockNames

    init(folder: String, names: LockNames) {
        self.folder = folder
        self.names = names
    }

    /// Repeatedly opens, locks, unlocks and closes a file with a random name.
    ///
    /// The peer's processor time is that of this process.
    func run(_ plan: LoadPlan, names chooser: NameChooser) throws -> Figures {
        guard plan.workload == .cycles, plan.clients == 1, plan.pipeline == 1 else {
            throw LoadError("flock is measured with cycles of one client only")
        }
        guard case .time(let warmUp, let measured) = plan.limit else {
            throw LoadError("flock is measured for a time, not for a number of cycles")
        }
        var chooser = chooser
        var recorder = Recorder(operations: plan.workload.cycle)
        try repeatCycles(until: MonotonicClock.now + warmUp, &chooser) { _, _, _ in }
        let began = MonotonicClock.now
        recorder.begin(at: began, peer: ProcessorTime.ofThisProcess, own: ProcessorTime.ofThisProcess)
        try repeatCycles(until: began + measured, &chooser) { began, acquired, released in
            recorder.command(0, nanoseconds: acquired - began)
            recorder.command(1, nanoseconds: released - acquired)
            recorder.cycle(nanoseconds: released - began)
        }
        recorder.end(
            at: MonotonicClock.now,
            peer: ProcessorTime.ofThisProcess,
            own: ProcessorTime.ofThisProcess
        )
        return recorder.figures(of: plan)
    }

    private func repeatCycles(
        until end: UInt64,
        _ chooser: inout NameChooser,
        _ done: (_ began: UInt64, _ acquired: UInt64, _ released: UInt64) -> Void
    ) throws {
        var now = MonotonicClock.now
        while now < end {
            let number = chooser.take()
            let path = "\(folder)/\(names.text(number))"
            let began = MonotonicClock.now
            let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            guard file >= 0, clinux_flock(file) == 0 else {
                throw LoadError("cannot lock \(path): \(lastSystemError())")
            }
            let acquired = MonotonicClock.now
            guard clinux_unlock(file) == 0 else {
                throw LoadError("cannot unlock \(path): \(lastSystemError())")
            }
            close(file)
            now = MonotonicClock.now
            done(began, acquired, now)
            chooser.giveBack(number)
        }
    }
}
