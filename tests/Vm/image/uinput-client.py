#!/usr/bin/python3
"""uinput-client SOCKET: what the program inside a mandelbox does. Takes the three descriptors from SOCKET in one message,
moves the absolute pointer to (1234, 567), the mouse by (5, -3), and types the key A, once for each line on standard input."""
import os
import socket
import struct
import sys

EV_SYN, EV_KEY, EV_REL, EV_ABS = 0, 1, 2, 3
KEY_A = 30


def send(descriptor, *events):
    for kind, code, value in (*events, (EV_SYN, 0, 0)):
        os.write(descriptor, struct.pack("llHHi", 0, 0, kind, code, value))


with socket.socket(socket.AF_UNIX) as client:
    client.connect(sys.argv[1])
    _, descriptors, _, _ = socket.recv_fds(client, 64, 8)
print(f"descriptors: {len(descriptors)}", flush=True)
absolute, relative, keyboard = descriptors
for count, _ in enumerate(sys.stdin):
    send(absolute, (EV_ABS, 0, 1234 + count), (EV_ABS, 1, 567 + count))
    send(relative, (EV_REL, 0, 5), (EV_REL, 1, -3))
    send(keyboard, (EV_KEY, KEY_A, 1))
    send(keyboard, (EV_KEY, KEY_A, 0))
    print("sent", flush=True)
