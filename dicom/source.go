package dicom

import (
	"bytes"
	"errors"
	"io"
	"sort"
	"sync"

	"radagora/fault"
)

const (
	firstRead = 8 << 10   // what most headers fit into
	keepValue = 64 << 10  // longer values are passed over and not kept
	chunk     = 128 << 10 // how far a buffer grows before another one begins
)

// A segment is a run of stream bytes that is kept.
type segment struct {
	at int64 // where it begins in the stream
	b  []byte
}

// A source hands out the bytes of a stream in order and keeps them, so that the
// index can point into them, until the window is full. Exactly one of at and r
// is set.
type source struct {
	at     io.ReaderAt
	r      io.Reader
	size   int64 // of at; -1 if nobody knows
	window int   // how many bytes may be kept

	buf  []byte // what is being looked at
	base int64  // where buf begins in the stream
	pos  int    // what of buf is done with
	kept []segment
	held int  // bytes in kept
	full bool // the window is full: buf slides and is not kept
	err  error
}

// offset returns how far the stream has been consumed.
func (s *source) offset() int64 { return s.base + int64(s.pos) }

// peek returns the next n bytes without consuming them, or fewer and an error:
// io.EOF or what the reader said. n is small. The bytes are valid until the next call.
func (s *source) peek(n int) ([]byte, error) {
	for len(s.buf)-s.pos < n {
		if s.err != nil {
			return s.buf[s.pos:], s.err
		}
		s.fill(n)
	}
	return s.buf[s.pos : s.pos+n], nil
}

// fill reads at least one more byte into buf, or sets err. It makes room for n.
func (s *source) fill(n int) {
	s.room(n)
	free := s.buf[len(s.buf):cap(s.buf)]
	var got int
	if s.at != nil {
		got, s.err = s.at.ReadAt(free, s.base+int64(len(s.buf)))
	} else {
		for try := 0; got == 0 && s.err == nil; try++ {
			if got, s.err = s.r.Read(free); try > 100 {
				s.err = io.ErrNoProgress
			}
		}
	}
	s.buf = s.buf[:len(s.buf)+got]
}

// room makes sure that buf has space beyond its end, and after pos for n bytes.
// What was kept never moves while somebody may hold it: buf grows by copying
// until it is a chunk, and then another one begins.
func (s *source) room(n int) {
	if len(s.buf) < cap(s.buf) && cap(s.buf)-s.pos >= n {
		return
	}
	if s.full || cap(s.buf) >= chunk {
		rest := s.buf[s.pos:]
		s.keep()
		s.buf = append(make([]byte, 0, max(chunk, n)), rest...)
		return
	}
	want := max(firstRead, 2*cap(s.buf), s.pos+n)
	if s.at != nil { // never more than the source has
		want = int(min(int64(want), max(s.size-s.base, int64(s.pos+n))))
	}
	s.buf = append(make([]byte, 0, want), s.buf...)
}

// keep closes the segment that ends at pos; the next one begins there with an
// empty buf.
func (s *source) keep() {
	if s.pos > 0 && !s.full {
		b := s.buf[:s.pos:s.pos]
		if len(b) < cap(s.buf)/2 { // a few bytes must not hold a whole chunk
			b = append([]byte(nil), b...)
		}
		s.kept = append(s.kept, segment{at: s.base, b: b})
		s.held += len(b)
		s.full = s.held >= s.window
	}
	s.base += int64(s.pos)
	s.buf, s.pos = nil, 0
}

// take consumes n bytes that peek has returned.
func (s *source) take(n int) { s.pos += n }

// skip consumes n bytes of a value. Short ones are kept with the rest. It returns
// how many there were if the stream ends before n, and then an error too.
func (s *source) skip(n int64) (int64, error) {
	if have := int64(len(s.buf) - s.pos); n <= have {
		s.pos += int(n)
		return n, nil
	}
	if n <= keepValue && !s.full {
		b, err := s.peek(int(n))
		s.pos += len(b)
		return int64(len(b)), err
	}
	if s.at != nil {
		return s.jump(n)
	}
	return s.discard(n)
}

// jump passes over n bytes of a source that can seek.
func (s *source) jump(n int64) (int64, error) {
	from := s.offset()
	if left := s.size - from; n > left {
		n, s.err = max(left, 0), io.EOF
	}
	s.leave(from + n)
	if s.err != nil {
		return n, s.err
	}
	return n, nil
}

// leave closes the segment at pos and goes on at a later place.
func (s *source) leave(to int64) {
	s.keep()
	s.base = to
}

// discard passes over n bytes of a stream.
func (s *source) discard(n int64) (int64, error) {
	from := s.offset()
	have := int64(len(s.buf) - s.pos)
	s.leave(from + have)
	if s.err != nil {
		return have, s.err
	}
	b, _ := scratch.Get().(*[chunk]byte) // nothing else is ever put there
	got, err := io.CopyBuffer(onlyWriter{io.Discard}, io.LimitReader(s.r, n-have), b[:])
	scratch.Put(b)
	s.base += got
	if err == nil && got < n-have {
		err = io.EOF
	}
	s.err = err
	return have + got, err
}

// scratch holds what bytes are read into that nobody keeps.
var scratch = sync.Pool{New: func() any { return new([chunk]byte) }}

// onlyWriter hides the ReadFrom of io.Discard, whose buffers are small.
type onlyWriter struct{ io.Writer }

// keepLast closes the last segment, so that its bytes can be found. Nothing is
// lost: what buf holds beyond pos is kept with it.
func (s *source) keepLast() {
	at := s.offset()
	s.pos = len(s.buf)
	s.keep()
	s.base = at
}

// rest returns a reader over what has not been consumed. The source is not to be
// used any more.
func (s *source) rest() io.Reader {
	if s.at != nil {
		return io.NewSectionReader(s.at, s.offset(), s.size-s.offset())
	}
	return io.MultiReader(bytes.NewReader(s.buf[s.pos:]), s.r)
}

// bytes returns the n bytes at off if they are kept or being looked at. The
// caller must not change them.
func (s *source) bytes(off, n int64) ([]byte, bool) {
	if lo := off - s.base; lo >= 0 && lo+n <= int64(len(s.buf)) {
		return s.buf[lo : lo+n : lo+n], true
	}
	i := sort.Search(len(s.kept), func(i int) bool { return s.kept[i].at > off }) - 1
	if i < 0 {
		return nil, false
	}
	g := &s.kept[i]
	lo := off - g.at
	if lo+n > int64(len(g.b)) {
		return nil, false
	}
	return g.b[lo : lo+n : lo+n], true
}

// failed classifies an error of the stream, met at byte at.
func failed(at int64, err error) error {
	kind := fault.Of(err)
	if kind == fault.Internal {
		kind = fault.Unavailable
	}
	return fault.Errorf(kind, "read data set at byte %d: %w", at, err)
}

// load returns the n bytes at off, from the window or from the source.
func (s *source) load(off, n int64) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if b, ok := s.bytes(off, n); ok {
		return b, nil
	}
	if s.at == nil {
		return nil, fault.Errorf(fault.Unavailable, "%d bytes at %d were read past and not kept", n, off)
	}
	b := make([]byte, n) // n bytes have been seen: the index holds no other lengths
	if got, err := s.at.ReadAt(b, off); got < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fault.Errorf(fault.Unavailable, "read %d bytes at %d: %w", n, off, err)
	}
	return b, nil
}
