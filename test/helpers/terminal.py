# Runs a command on a pseudo-terminal. Its output goes to stdout. Lines on stdin type text ({"type": "q"}), resize the
# terminal ({"resize": [24, 80]}) or send a signal to the command ({"signal": 15}). Exits with the command's status, or
# with 128 plus the number of the signal that ended it.
import fcntl, json, os, pty, select, signal, struct, sys, termios


def resize(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


pid, fd = pty.fork()
if pid == 0:
    resize(0, 24, 80)
    os.execvp(sys.argv[1], sys.argv[1:])

signal.signal(signal.SIGTERM, lambda *_: (os.kill(pid, signal.SIGHUP), sys.exit(1)))
pending = b""
inputs = [fd, 0]
while True:
    ready, _, _ = select.select(inputs, [], [])
    if 0 in ready:
        data = os.read(0, 65536)
        if not data:
            inputs.remove(0)
        pending += data
        *lines, pending = pending.split(b"\n")
        for line in lines:
            order = json.loads(line)
            if "type" in order:
                os.write(fd, order["type"].encode())
            elif "resize" in order:
                resize(fd, *order["resize"])
            else:
                os.kill(pid, order["signal"])
    if fd in ready:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        os.write(1, data)
_, status = os.waitpid(pid, 0)
sys.exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
