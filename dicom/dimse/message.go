package dimse

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"radagora/fault"
)

// Messages in fragments: PS3.7 section 6.3.1, PS3.8 Annex E.

// A stream is the fragments that come on an association, and what interrupts them.
// One goroutine at a time uses it.
type stream struct {
	p     *provider
	batch *batch
	i     int // next fragment of batch
}

// An interruptionError is an indication that is no data: the association is about to end,
// or has.
type interruptionError struct{ indication }

// Error says why, with kind Unavailable where the peer or the network did it.
func (i *interruptionError) Error() string {
	if i.err != nil {
		return i.err.Error()
	}
	return "dimse: association released within a message"
}

// Unwrap returns the cause.
func (i *interruptionError) Unwrap() error {
	if i.err == nil {
		return errProtocol
	}
	return i.err
}

// next returns the next fragment, or an *interruptionError. The fragment is valid until
// next is called again.
func (s *stream) next() (pdv, error) {
	for {
		if s.batch != nil {
			if s.i < len(s.batch.pdvs) {
				s.i++
				return s.batch.pdvs[s.i-1], nil
			}
			s.p.lend.put(s.batch)
			s.batch, s.i = nil, 0
		}
		i, ok := s.p.hear()
		if !ok || i.event != evt10 {
			return pdv{}, &interruptionError{i}
		}
		s.batch = i.batch
	}
}

// command reads the fragments of a command set and returns it with its
// presentation context.
func (s *stream) command() (*command, uint8, error) {
	v, err := s.next()
	if err != nil {
		return nil, 0, err
	}
	id, whole := v.context, v.data
	for joined := false; ; {
		switch {
		case !v.command:
			return nil, 0, broken("a data set fragment where a command is due")
		case v.context != id:
			return nil, 0, broken("a command changes its presentation context")
		case len(whole) > maxCommand:
			return nil, 0, broken("a command set of more than %d bytes", maxCommand)
		case v.last:
			c, err := parseCommand(whole)
			return c, id, err
		}
		if !joined {
			whole, joined = append([]byte(nil), whole...), true
		}
		if v, err = s.next(); err != nil {
			return nil, 0, fmt.Errorf("within a command: %w", err)
		}
		if v.command {
			whole = append(whole, v.data...)
		}
	}
}

// A dataSet reads the fragments of one data set.
type dataSet struct {
	s       *stream
	context uint8
	limit   int64 // most it may hold; 0 is any
	n       int64 // bytes read
	rest    []byte
	last    bool  // rest is the last fragment
	ended   bool  // all of it was read
	err     error // why reading stopped; io.EOF if it ended
}

// more makes rest hold something, or fails.
func (d *dataSet) more() error {
	for len(d.rest) == 0 && d.err == nil {
		if d.last {
			d.ended, d.err = true, io.EOF
			break
		}
		v, err := d.s.next()
		switch {
		case err != nil:
			d.err = err
		case v.command:
			d.err = broken("a command within a data set")
		case v.context != d.context:
			d.err = broken("a data set changes its presentation context")
		default:
			d.rest, d.last = v.data, v.last
			if d.n += int64(len(v.data)); d.limit > 0 && d.n > d.limit {
				d.rest = nil
				d.err = &tooLargeError{fault.Errorf(fault.Exhausted, "object larger than %d bytes", d.limit)}
			}
		}
	}
	return d.err
}

// A tooLargeError is the one end of a data set after which its fragments go on.
type tooLargeError struct{ error }

// Unwrap returns the error with its kind.
func (e *tooLargeError) Unwrap() error { return e.error }

// Read implements io.Reader.
func (d *dataSet) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if err := d.more(); err != nil {
		return 0, err
	}
	n := copy(b, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

// WriteTo implements io.WriterTo: each fragment is written from where it arrived.
func (d *dataSet) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for {
		switch err := d.more(); {
		case d.ended:
			return total, nil
		case err != nil:
			return total, err
		}
		n, err := w.Write(d.rest)
		total += int64(n)
		d.rest = d.rest[n:]
		if err != nil {
			return total, err
		}
	}
}

// drain skips what is left, at most limit bytes. It returns nil when the association
// can go on, and what it skipped over before that: nil, or that the object is too
// large.
func (d *dataSet) drain(limit int64) (skipped, err error) {
	if large, ok := errors.AsType[*tooLargeError](d.err); ok {
		skipped, d.err = large, nil
	}
	d.limit = d.n + limit
	for {
		d.rest = nil
		switch err := d.more(); {
		case d.ended:
			return skipped, nil
		case err != nil:
			return skipped, err
		}
	}
}

// whole reads the data set into memory. bad is why it cannot be had although the
// association goes on: it is longer than limit.
func (d *dataSet) whole(drain int64) (b []byte, bad, gone error) {
	b, err := io.ReadAll(d)
	if err == nil {
		return b, nil, nil
	}
	bad, gone = d.drain(drain)
	return nil, bad, gone
}

// A sender sends messages on an association, one after the other.
type sender struct {
	p       *provider
	payload int        // largest fragment
	mu      sync.Mutex // held while a message is sent
	bufs    [2][]byte  // for data, with room for headers
}

// newSender returns a sender whose PDUs are neither larger than the peer takes nor
// than own. Fragments have an even length, as everything encoded has (PS3.5 §7.1.1).
func newSender(p *provider, peerMaximum, own uint32) *sender {
	most := own
	if peerMaximum > 0 {
		most = min(most, peerMaximum)
	}
	return &sender{p: p, payload: int(max(most, leastPDU)-pdvHeader) &^ 1}
}

// command sends a command set. The caller holds mu.
func (s *sender) command(id uint8, c *command) error {
	return s.p.ask(evt9, s.fragments(nil, id, true, c.encode()))
}

// fragments appends PDUs with what b holds.
func (s *sender) fragments(out []byte, id uint8, command bool, b []byte) []byte {
	for {
		n, at := min(len(b), s.payload), len(out)
		out = append(out, make([]byte, headerLength+pdvHeader)...)
		out = append(out, b[:n]...)
		b = b[n:]
		sealData(out[at:], id, command, len(b) == 0)
		if len(b) == 0 {
			return out
		}
	}
}

// whole sends a message whose data set, if there is one, is in memory: all its PDUs
// in one piece.
func (s *sender) whole(id uint8, c *command, data []byte) error {
	out := s.fragments(make([]byte, 0, 512+len(data)+len(data)/s.payload*(headerLength+pdvHeader)), id, true, c.encode())
	if c.dataSet {
		out = s.fragments(out, id, false, data)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.p.ask(evt9, out)
}

// A source is a data set about to be sent: it reads one fragment ahead, to know
// which is the last.
type source struct {
	from   io.Reader
	buf    []byte // with room for headers
	n      int    // bytes of data in buf
	spare  []byte
	pad    bool // to an even length, with a NUL
	ended  bool
	failed error
}

// open reads the first fragment of a data set. A deflated one is padded to an even
// length where whoever made it left that out (PS3.5 §A.5); of others the last element
// would change. The caller holds mu.
func (s *sender) open(from io.Reader, deflated bool) (*source, error) {
	for i := range s.bufs {
		if s.bufs[i] == nil {
			s.bufs[i] = make([]byte, headerLength+pdvHeader+s.payload)
		}
	}
	src := &source{from: from, pad: deflated, buf: s.bufs[0], spare: s.bufs[1]}
	src.n = src.read(src.buf)
	if src.failed == nil && src.n == 0 {
		src.failed = fault.Errorf(fault.Invalid, "the data set is empty")
	}
	return src, src.failed
}

// read fills b behind its headers and notes the end.
func (s *source) read(b []byte) int {
	n, err := io.ReadFull(s.from, b[headerLength+pdvHeader:])
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		s.ended = true
	case err != nil:
		s.failed = err
	}
	if s.ended && s.pad && n%2 == 1 {
		b[headerLength+pdvHeader+n] = 0
		n++
	}
	return n
}

// data sends what src has. The caller holds mu.
func (s *sender) data(id uint8, src *source) error {
	for {
		ahead := 0
		if !src.ended {
			ahead = src.read(src.spare)
		}
		if src.failed != nil {
			return src.failed
		}
		last := ahead == 0
		if err := s.p.ask(evt9, sealData(src.buf[:headerLength+pdvHeader+src.n], id, false, last)); err != nil || last {
			return err
		}
		src.buf, src.spare, src.n = src.spare, src.buf, ahead
	}
}
