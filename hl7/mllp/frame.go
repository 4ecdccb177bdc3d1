package mllp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"radagora/fault"
)

// frames reads messages from a connection.
type frames struct {
	conn   net.Conn
	in     *bufio.Reader
	limits Limits
	odd    Odd       // since take
	ended  bool      // a frame ended just now; CR is due
	first  time.Time // when the message began
	begun  func()    // told that one begins; nil is nobody
	total  int64
	most   int                     // bytes of a message, at most limits.Message
	vouch  func(begin []byte) bool // asked of a message that has more than most bytes whether it may; nil: no
	memory *memory                 // that messages are in; nil: there is enough
	held   int                     // bytes of it
}

// buffer is how much is read at once.
const buffer = 16 << 10

func newFrames(conn net.Conn, l Limits) *frames {
	return &frames{conn: conn, in: bufio.NewReaderSize(conn, buffer), limits: l, most: l.Message}
}

// skippedError is of a message that was skipped; the connection goes on.
type skippedError struct{ error }

func (e skippedError) Unwrap() error { return e.error }

// next returns the next message. Of one above the limit, or for which there is no
// memory now, it returns the begin, with a skippedError. Other errors end the connection: io.EOF between messages, or of
// kinds Invalid, Exhausted and Unavailable.
func (f *frames) next() ([]byte, error) {
	if err := f.seek(); err != nil {
		return nil, err
	}
	f.first = clock()
	if f.begun != nil {
		f.begun()
	}
	return f.body()
}

// seek reads to the begin of a frame and over it.
func (f *frames) seek() error {
	for junk := 0; ; {
		if f.in.Buffered() == 0 {
			if err := f.conn.SetReadDeadline(within(f.limits.Idle)); err != nil {
				return fault.As(fault.Unavailable, err)
			}
		}
		c, err := f.in.ReadByte()
		if err != nil {
			return silent(err, "between messages")
		}
		f.total++
		ended := f.ended
		f.ended = false
		switch {
		case ended && c == '\r':
			continue
		case ended:
			f.odd.Unended++
		}
		switch c {
		case begin:
			return nil
		case '\r', '\n', end:
		default:
			f.odd.Junk++
			if junk++; junk > f.limits.Junk {
				return fault.Errorf(fault.Invalid, "mllp: more than %d bytes, and no message begins (0x0B)", f.limits.Junk)
			}
		}
	}
}

// silent classifies an error of reading.
func silent(err error, when string) error {
	if e := net.Error(nil); errors.As(err, &e) && e.Timeout() {
		return fault.Errorf(fault.Unavailable, "mllp: the peer was silent %s: %w", when, err)
	}
	if errors.Is(err, io.EOF) {
		return err
	}
	return fault.As(fault.Unavailable, err)
}

// body reads to the end of a frame and over it.
func (f *frames) body() ([]byte, error) {
	var out []byte
	long, full := 0, false // what was skipped, and whether for want of memory
	until := within(f.limits.Whole)
	for {
		piece, done, err := f.piece(until)
		if err != nil {
			return nil, err
		}
		if i := bytes.LastIndexByte(piece, begin); i >= 0 {
			f.odd.Restarted++
			out, long, full = out[:0], 0, false
			piece = piece[i+1:]
		}
		if len(out)+len(piece) > f.most && long == 0 && f.most < f.limits.Message && f.vouch != nil && f.vouch(append(bytes.Clone(out), piece...)) {
			f.most = f.limits.Message
		}
		room := f.most - len(out)
		if long > 0 {
			room = 0 // what follows on something skipped is no part of the begin
		}
		if room = min(room, len(piece)); !f.grow(&out, room) {
			room, full = 0, true
		}
		out = append(out, piece[:room]...)
		long += len(piece) - room
		if long > 16*f.most {
			return nil, fault.Errorf(fault.Exhausted, "mllp: a message has more than %d bytes and does not end", long)
		}
		if !done {
			continue
		}
		f.ended = true
		switch {
		case full:
			return out, skippedError{fault.Errorf(fault.Unavailable, "mllp: there is no room for a message of %d bytes now", len(out)+long)}
		case long > 0:
			return out, skippedError{fault.Errorf(fault.Exhausted, "mllp: the message has %d bytes; the limit is %d", len(out)+long, f.most)}
		}
		return out, nil
	}
}

// grow makes room for n more bytes, and reports whether there was memory for them.
func (f *frames) grow(b *[]byte, n int) bool {
	have, want := cap(*b), len(*b)+n
	if want <= have {
		return true
	}
	want = min(max(want, 2*have), f.most)
	if f.memory != nil {
		if !f.memory.take(want - have) {
			return false
		}
		f.held += want - have
	}
	more := make([]byte, len(*b), want)
	copy(more, *b)
	*b = more
	return true
}

// release gives back the memory of a message that was dealt with.
func (f *frames) release() {
	if f.memory != nil {
		f.memory.give(f.held)
	}
	f.held = 0
}

// A memory is what all connections of a server keep their messages in.
type memory struct {
	mu   sync.Mutex
	left int
}

// take takes n bytes, if there are so many.
func (m *memory) take(n int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n > m.left {
		return false
	}
	m.left -= n
	return true
}

func (m *memory) give(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left += n
}

// piece returns what has arrived, and whether it is the last piece of the frame. It
// is good until the next read.
func (f *frames) piece(until time.Time) (b []byte, done bool, err error) {
	if f.in.Buffered() == 0 {
		deadline := within(f.limits.Stall)
		if deadline.After(until) {
			deadline = until
		}
		if err := f.conn.SetReadDeadline(deadline); err != nil {
			return nil, false, fault.As(fault.Unavailable, err)
		}
		if _, err := f.in.Peek(1); err != nil {
			if errors.Is(err, io.EOF) {
				return nil, false, fault.Errorf(fault.Unavailable, "mllp: the connection ended inside a message")
			}
			return nil, false, silent(err, "inside a message")
		}
	}
	b, err = f.in.Peek(f.in.Buffered())
	if err != nil {
		return nil, false, fault.As(fault.Unavailable, err)
	}
	n := len(b)
	if i := bytes.IndexByte(b, end); i >= 0 {
		b, n, done = b[:i], i+1, true
	}
	f.total += int64(n)
	_, err = f.in.Discard(n)
	return b, done, err
}

// take returns what was odd, and counts anew.
func (f *frames) take() Odd {
	o := f.odd
	f.odd = Odd{}
	return o
}

// write sends a message in one piece.
func write(conn net.Conn, message []byte, d time.Duration) error {
	if err := conn.SetWriteDeadline(within(d)); err != nil {
		return fault.As(fault.Unavailable, err)
	}
	_, err := conn.Write(Frame(message))
	return fault.As(fault.Unavailable, err)
}
