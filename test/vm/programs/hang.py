"""hang.py FOLDER: a FUSE file system that answers until it receives SIGUSR1, and then never again."""
import ctypes
import os
import signal
import struct
import sys

INIT, GETATTR, STATFS, FORGET, BATCH_FORGET, OPENDIR, RELEASEDIR = 26, 3, 17, 2, 42, 27, 29
answering = True


def stop(*_):
    global answering
    answering = False


signal.signal(signal.SIGUSR1, stop)
libc = ctypes.CDLL(None, use_errno=True)
device = os.open("/dev/fuse", os.O_RDWR)
options = b"fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other" % device
if libc.mount(b"hang", sys.argv[1].encode(), b"fuse.hang", 0, options) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
print("mounted", flush=True)
while True:
    try:
        request = os.read(device, 1 << 17)
    except InterruptedError:
        continue
    except OSError:
        break  # unmounted
    _, code, unique, _ = struct.unpack_from("<IIQQ", request, 0)

    def answer(body=b"", error=0):
        os.write(device, struct.pack("<IiQ", 16 + len(body), error, unique) + body)

    if not answering:
        continue
    if code == INIT:
        answer(struct.pack("<IIIIHHIIHHI", 7, 31, 65536, 0, 12, 9, 65536, 1, 1, 0, 0) + bytes(28))
    elif code == STATFS:  # 1000 blocks of 4 KiB, 500 free, 400 for users; 100 inodes, 50 free
        answer(struct.pack("<QQQQQIIII", 1000, 500, 400, 100, 50, 4096, 255, 4096, 0) + bytes(24))
    elif code == GETATTR:
        times = struct.pack("<QQQQQQ", 1, 0, 0, 0, 0, 0)
        answer(struct.pack("<QII", 0, 0, 0) + times + struct.pack("<IIIIIIIIII", 0, 0, 0, 0o40755, 2, 0, 0, 0, 4096, 0))
    elif code not in (FORGET, BATCH_FORGET):
        answer(error=-38)
