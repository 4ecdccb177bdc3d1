package dimse

import (
	"net"
	"syscall"
)

// quickAck returns a function that makes the kernel acknowledge at once what was
// read from conn. Many devices leave Nagle's algorithm on, and each of their
// messages then waits 40 ms for a delayed acknowledgement. The kernel forgets the
// setting (tcp(7), TCP_QUICKACK), so it is made again after each read.
func quickAck(conn net.Conn) func() {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok { // *tls.Conn
		conn = t.NetConn()
	}
	c, ok := conn.(*net.TCPConn)
	if !ok {
		return func() {}
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return func() {}
	}
	set := func(fd uintptr) {
		// A failure costs time only.
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	}
	return func() { _ = raw.Control(set) }
}
