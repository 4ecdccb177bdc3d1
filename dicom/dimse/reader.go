package dimse

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A frame is a PDU as it came, without its header.
type frame struct {
	kind pduType
	body []byte
}

// A batch is the whole PDUs that one stretch of reading brought, in one buffer.
// It travels from the reader to the provider to the local user, who gives it back.
type batch struct {
	buf    []byte
	frames []frame
	pdvs   []pdv // of the frames that are P-DATA-TF, as far as they were indicated
}

// firstBuffer is how much a connection reads into before it has shown that it has
// more to say. The buffer doubles only when it is full.
const firstBuffer = 4 << 10

// batches lends out batches.
type batches struct{ pool sync.Pool }

func (p *batches) get() *batch {
	if b, ok := p.pool.Get().(*batch); ok {
		return b
	}
	return &batch{buf: make([]byte, firstBuffer)}
}

func (p *batches) put(b *batch) {
	b.frames, b.pdvs = b.frames[:0], b.pdvs[:0]
	p.pool.Put(b)
}

// An arrival is what the reader tells the provider: a batch, or what went wrong.
type arrival struct {
	batch *batch
	event event // without a batch: evt17, evt19, or 0 for a peer that was silent too long
	err   error
}

// A reader turns the bytes of one connection into batches. It never waits longer
// for a PDU to be complete than whole, and for the next to begin than quiet says.
type reader struct {
	conn  net.Conn
	lend  *batches
	out   chan<- arrival
	quit  <-chan struct{}
	count *atomic.Int64 // bytes that came

	data      int // longest body of a P-DATA-TF
	associate int // longest body of an A-ASSOCIATE-RQ or -AC
	whole     time.Duration
	quiet     func() time.Duration // how much longer the peer may be silent; 0 is forever, less is over

	ack func() // acknowledges at once what was read
}

var (
	errSlow   = &protocolError{abortNoReason, "a PDU took too long to arrive"}
	errSilent = errors.New("the peer was silent for too long")
)

// run reads until the connection ends or the provider quits.
func (r *reader) run() {
	b, n := r.lend.get(), 0
	for {
		filled, err := r.fill(b, n)
		if err != nil {
			r.fail(b, err)
			return
		}
		full := b
		b, n = r.next(r.split(full, filled))
		if !r.tell(arrival{batch: full}) {
			return
		}
	}
}

// next returns a batch that begins with a copy of rest, and the length of that.
func (r *reader) next(rest []byte) (*batch, int) {
	b := r.lend.get()
	if len(rest) > len(b.buf) {
		b.buf = make([]byte, len(rest))
	}
	return b, copy(b.buf, rest)
}

// tell reports whether the provider took a.
func (r *reader) tell(a arrival) bool {
	select {
	case r.out <- a:
		return true
	case <-r.quit:
		return false
	}
}

// fill reads until b, of which n bytes are filled, begins with a whole PDU. It
// returns how many bytes are filled then.
func (r *reader) fill(b *batch, n int) (int, error) {
	begun := false
	for {
		need, err := r.length(b.buf[:n])
		if err != nil || need > 0 && n >= need {
			return n, err
		}
		if n == len(b.buf) {
			b.buf = append(b.buf, make([]byte, min(n, r.most()-n))...)
		}
		if n == 0 {
			err = r.await()
		} else if !begun {
			begun = true
			err = r.conn.SetReadDeadline(within(r.whole))
		}
		if err != nil {
			return n, err
		}
		k, err := r.conn.Read(b.buf[n:])
		n += k
		if k > 0 {
			r.count.Add(int64(k))
			r.ack()
			continue
		}
		if err = r.explain(n, err); err != nil {
			return n, err
		}
	}
}

// most is the longest PDU that length allows.
func (r *reader) most() int { return max(r.data+headerLength, r.associate) + headerLength }

// await sets the deadline for a PDU to begin.
func (r *reader) await() error {
	left := r.quiet()
	switch {
	case left < 0:
		return errSilent
	case left == 0:
		return r.conn.SetReadDeadline(time.Time{})
	default:
		return r.conn.SetReadDeadline(within(left))
	}
}

// explain says what a failed read means when n bytes of a PDU are there; nil is
// that it is worth asking again whether the peer may be silent.
func (r *reader) explain(n int, err error) error {
	switch {
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case n > 0:
		return errSlow
	default:
		return nil
	}
}

// length returns how long the PDU is that begins b, its header included; 0 if that
// is not known yet. A PDU that must not be is an error, as soon as it shows.
func (r *reader) length(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	var limit int
	switch pduType(b[0]) {
	case associateRQ, associateAC:
		limit = r.associate
	case dataTF:
		limit = r.data + headerLength // some count the header in
	case associateRJ, releaseRQ, releaseRP, abortPDU:
		limit = 16 * shortLength
	default:
		return 0, &protocolError{abortUnrecognized, "a PDU of an unknown type"}
	}
	if len(b) < headerLength {
		return 0, nil
	}
	n := int64(binary.BigEndian.Uint32(b[2:]))
	if n > int64(limit) {
		return 0, broken("a PDU of type %d says it has %d bytes; %d are allowed", b[0], n, limit)
	}
	return headerLength + int(n), nil
}

// split notes the whole PDUs in the first n bytes of b and returns the bytes after
// them. What is wrong with those shows when they are looked at next.
func (r *reader) split(b *batch, n int) (rest []byte) {
	data := b.buf[:n]
	for {
		need, err := r.length(data)
		if err != nil || need == 0 || need > len(data) {
			return data
		}
		b.frames = append(b.frames, frame{pduType(data[0]), data[headerLength:need]})
		data = data[need:]
	}
}

// fail tells the provider about err. After a PDU that cannot be, the stream has
// lost its frames, and only its end matters: the provider closes it in time.
func (r *reader) fail(b *batch, err error) {
	bad, broke := errors.AsType[*protocolError](err)
	switch {
	case broke:
		if !r.tell(arrival{event: evt19, err: bad}) {
			return
		}
	case errors.Is(err, errSilent):
		if !r.tell(arrival{err: err}) {
			return
		}
	default:
		r.tell(arrival{event: evt17, err: cut(err)})
		return
	}
	if err := r.conn.SetReadDeadline(time.Time{}); err == nil {
		for err == nil {
			_, err = r.conn.Read(b.buf)
		}
	}
	r.tell(arrival{event: evt17, err: cut(err)})
}

// cut returns err such that nobody takes the end of a connection for the end of a
// data set.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
