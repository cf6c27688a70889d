import LeaseClient

/// A keeping task, and the way to tell it something.
struct TenancyTask: Sendable {
    private let task: Task<Void, Never>
    private let orders: AsyncStream<Tenancy.Order>.Continuation

    /// Starts to acquire a lease.
    ///
    /// The task is not awaited: it tells its end by its last event, and whoever does not wait for that ends the process.
    init(_ keeper: TenancyKeeper) {
        let (stream, orders) = AsyncStream.makeStream(of: Tenancy.Order.self)
        self.orders = orders
        self.task = Task.detached { await keeper.run(orders: stream) }
    }

    /// Tells it what to do.
    func order(_ order: Tenancy.Order) {
        orders.yield(order)
    }

    /// Ends the asking for a lease; one that was granted meanwhile is given back.
    func cancel() {
        task.cancel()
    }
}
