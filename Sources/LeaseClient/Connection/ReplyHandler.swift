internal import LeaseWire
internal import NIOCore

/// Cuts what arrives into replies, and tells of the connection's end, once.
final class ReplyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// What happens on a connection.
    enum Event {
        case reply(RESPValue)
        /// What had arrived is told; a connection that does not read by itself may be asked for more.
        case readComplete
        /// The connection is over; with the error that ended it, if it was one.
        case ended((any Error)?)
    }

    private let notify: (Event) -> Void
    private var parser = RESPReplyParser()
    private var buffer = ByteBuffer()
    private var hasEnded = false

    init(notify: @escaping (Event) -> Void) {
        self.notify = notify
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var arrived = unwrapInboundIn(data)
        buffer.writeBuffer(&arrived)
        do throws(ProtocolError) {
            while !hasEnded, let reply = try parser.next(from: &buffer) {
                notify(.reply(reply))
            }
            buffer.discardReadBytes()
        } catch {
            end(error, context)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if !hasEnded { notify(.readComplete) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(nil, context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(error, context)
    }

    private func end(_ error: (any Error)?, _ context: ChannelHandlerContext) {
        guard !hasEnded else { return }
        hasEnded = true
        notify(.ended(error))
        context.close(promise: nil)
    }
}
