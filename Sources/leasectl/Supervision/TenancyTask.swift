import LeaseClient

/// A keeping task, and the way to give it orders.
struct TenancyTask: Sendable {
    private let task: Task<Void, Never>
    private let orders: AsyncStream<Tenancy.Order>.Continuation

    /// Starts to acquire a lease.
    ///
    /// The task is not awaited: its last event reports its end, and a caller that does not wait for that ends the
    /// process.
    init(_ keeper: TenancyKeeper) {
        let (stream, orders) = AsyncStream.makeStream(of: Tenancy.Order.self)
        self.orders = orders
        self.task = Task.detached { await keeper.run(orders: stream) }
    }

    func order(_ order: Tenancy.Order) {
        orders.yield(order)
    }

    /// Stops asking for a lease; one that was granted in the meantime is released.
    func cancel() {
        task.cancel()
    }
}
