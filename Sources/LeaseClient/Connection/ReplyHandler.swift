internal import LeaseWire
internal import NIOCore

/// Parses what arrives into replies, and reports the connection's end once.
final class ReplyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    enum Event {
        case reply(RESPValue)
        /// All that had arrived was reported; a channel that does not read automatically may be asked for more.
        case readComplete
        /// The connection is over; with the error that ended it, if any.
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
