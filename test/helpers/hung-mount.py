# Mounts a FUSE file system whose daemon never answers, like a dead server. Prints "mounted" or the reason of a failure,
# and unmounts at the end of its standard input.
import ctypes, os, sys

where = sys.argv[1]
libc = ctypes.CDLL(None, use_errno=True)


def give_up(error):
    print(error, flush=True)
    sys.exit(0)


try:
    fd = os.open("/dev/fuse", os.O_RDWR)
except OSError as error:
    give_up(f"/dev/fuse: {error.strerror}")
options = f"fd={fd},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}".encode()
if libc.mount(b"dead-server", where.encode(), b"fuse", 0, options) != 0:
    give_up(f"mount: {os.strerror(ctypes.get_errno())}")
print("mounted", flush=True)
sys.stdin.read()
# From here on, pending requests fail.
libc.umount2(where.encode(), 2)
os.close(fd)
