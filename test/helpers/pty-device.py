"""A stand-in for a watchdog device: prints the path of a character device, then each byte written to it, as a line."""
import os
import tty

master, slave = os.openpty()
tty.setraw(slave)
print(os.ttyname(slave), flush=True)
while True:
    for byte in os.read(master, 4096):
        print("V" if byte == ord("V") else byte, flush=True)
