package mllp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
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
}

// buffer is how much is read at once.
const buffer = 16 << 10

func newFrames(conn net.Conn, l Limits) *frames {
	return &frames{conn: conn, in: bufio.NewReaderSize(conn, buffer), limits: l}
}

// tooLongError is of a message that was skipped; the connection goes on.
type tooLongError struct{ error }

func (e tooLongError) Unwrap() error { return e.error }

// next returns the next message. Of one above the limit it returns the begin, with
// a tooLongError. Other errors end the connection: io.EOF between messages, or of
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
	long := 0 // what was skipped
	until := within(f.limits.Whole)
	for {
		piece, done, err := f.piece(until)
		if err != nil {
			return nil, err
		}
		if i := bytes.LastIndexByte(piece, begin); i >= 0 {
			f.odd.Restarted++
			out, long = out[:0], 0
			piece = piece[i+1:]
		}
		if room := f.limits.Message - len(out); len(piece) > room {
			long += len(piece) - room
			piece = piece[:room]
		}
		out = append(out, piece...)
		if long > 16*f.limits.Message {
			return nil, fault.Errorf(fault.Exhausted, "mllp: a message has more than %d bytes and does not end", long)
		}
		if !done {
			continue
		}
		f.ended = true
		if long > 0 {
			return out, tooLongError{fault.Errorf(fault.Exhausted, "mllp: the message has %d bytes; the limit is %d", len(out)+long, f.limits.Message)}
		}
		return out, nil
	}
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
