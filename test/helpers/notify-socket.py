"""A stand-in for the service manager: binds a Unix datagram socket and prints each datagram as a line of JSON.

notify-socket.py NAME [QUEUE]: '@' begins an abstract name. After each line on stdin it reads one more datagram, once
'deaf' was given as QUEUE, so that the queue fills up."""
import json
import socket
import sys

name = sys.argv[1]
deaf = len(sys.argv) > 2
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind("\0" + name[1:] if name.startswith("@") else name)
print("bound", flush=True)
while True:
    if deaf and not sys.stdin.readline():
        break
    print(json.dumps(receiver.recv(4096).decode()), flush=True)
