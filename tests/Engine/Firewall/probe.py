"""probe.py INTERFACE HOST_MAC SOURCE TARGET PORT OWN MARKER

Sends a TCP SYN from SOURCE to TARGET:PORT as a container with NET_RAW can: in a frame of its own making to the host's MAC, past its own
routes. Then one from OWN, its own address, to a closed port of MARKER, an address of the host's that always answers. The host handles both
in order, so an answer to the first comes before the answer to the second. Prints "answered" or "silent".
"""
import ipaddress, os, socket, struct, sys

interface, host_mac, source, target, port, own, marker = sys.argv[1:]
source, target, own, marker = (ipaddress.ip_address(a) for a in (source, target, own, marker))
TO_TARGET, TO_MARKER, CLOSED = 40001, 40002, 9
SYN, RST, ACK = 0x02, 0x04, 0x10


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tcp_syn(source, to, source_port, port):
    header = struct.pack("!HHIIBBHHH", source_port, port, 1, 0, 5 << 4, SYN, 65535, 0, 0)
    pseudo = source.packed + to.packed + struct.pack("!II", len(header), socket.IPPROTO_TCP)
    return header[:16] + struct.pack("!H", checksum(pseudo + header)) + header[18:]


def frame(source, to, source_port, port):
    segment = tcp_syn(source, to, source_port, port)
    if to.version == 4:
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 1, 0, 64, socket.IPPROTO_TCP, 0) + source.packed + to.packed
        packet = header[:10] + struct.pack("!H", checksum(header)) + header[12:] + segment
    else:
        packet = struct.pack("!IHBB", 6 << 28, len(segment), socket.IPPROTO_TCP, 64) + source.packed + to.packed + segment
    kind = 0x0800 if to.version == 4 else 0x86DD
    return bytes.fromhex(host_mac.replace(":", "")) + wire.getsockname()[4] + struct.pack("!H", kind) + packet


def segment_of(data):
    kind = struct.unpack("!H", data[12:14])[0]
    if kind == 0x0800 and data[23] == socket.IPPROTO_TCP:
        return data[14 + (data[14] & 15) * 4:]
    if kind == 0x86DD and data[20] == socket.IPPROTO_TCP:
        return data[54:]
    return None


# One CPU: what is sent from it to a veth is handled in order.
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind((interface, 0))
# Only for a test that is broken: the marker is always answered.
wire.settimeout(60)
wire.send(frame(source, target, TO_TARGET, int(port)))
wire.send(frame(own, marker, TO_MARKER, CLOSED))
answered = False
while True:
    data, (_, _, kind, *_) = wire.recvfrom(65535)
    segment = segment_of(data) if kind != socket.PACKET_OUTGOING else None
    if segment is None:
        continue
    to_port, flags = struct.unpack("!H", segment[2:4])[0], segment[13]
    if to_port == TO_TARGET and flags & (SYN | ACK) == SYN | ACK:
        answered = True
    if to_port == TO_MARKER and flags & RST:
        break
print("answered" if answered else "silent")
