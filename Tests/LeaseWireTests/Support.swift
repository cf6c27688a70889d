import LeaseCore
import LeaseWire
import NIOCore
import Testing

/// A frame given as text, as a person would read it off the wire.
func frame(_ words: String...) -> RESPFrame {
    RESPFrame(arguments: words.map { .bytes(ByteBuffer(string: $0)) })
}

/// The bytes of a command as a program sends it.
func encoded(_ words: [[UInt8]]) -> [UInt8] {
    var bytes = Array("*\(words.count)\r\n".utf8)
    for word in words {
        bytes += Array("$\(word.count)\r\n".utf8) + word + Array("\r\n".utf8)
    }
    return bytes
}

func encoded(_ words: String...) -> [UInt8] {
    encoded(words.map { Array($0.utf8) })
}

/// What a parser reads from bytes that arrive in pieces.
struct Parsed: Equatable {
    /// The frames with content.
    var frames: [RESPFrame] = []
    /// The number of empty frames.
    var emptyFrames = 0
    var error: ProtocolError?

    /// Feeds `pieces` one by one, as reads from a socket would bring them.
    init(_ pieces: some Sequence<ArraySlice<UInt8>>, limits: FrameLimits = FrameLimits()) {
        var parser = RESPCommandParser(limits: limits)
        var buffer = ByteBuffer()
        do throws(ProtocolError) {
            for piece in pieces {
                buffer.writeBytes(piece)
                while let frame = try parser.next(from: &buffer) {
                    if frame.isEmpty { emptyFrames += 1 } else { frames.append(frame) }
                }
                buffer.discardReadBytes()
            }
        } catch {
            self.error = error
        }
    }

    init(whole bytes: [UInt8], limits: FrameLimits = FrameLimits()) {
        self.init(CollectionOfOne(bytes[...]), limits: limits)
    }

    init(byteByByte bytes: [UInt8], limits: FrameLimits = FrameLimits()) {
        self.init(bytes.indices.map { bytes[$0...$0] }, limits: limits)
    }
}
